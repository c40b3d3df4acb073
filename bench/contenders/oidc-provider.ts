import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { expectStatus, httpRequest, newRegistration, repeat } from '../harness/api.ts';
import {
  cookieJar,
  type Flow,
  redirection,
  repeatFlow,
  runFlow,
  textMember,
} from '../harness/flow.ts';
import type { Contender } from './contender.ts';
import { migratePeer, PEERS, startPeer } from './peer-process.ts';

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const SIGNING_JWK = JSON.stringify({
  ...privateKey.export({ format: 'jwk' }),
  ...{ kid: 'a-key', alg: 'RS256', use: 'sig' },
});
const PEER = { file: 'oidc-provider.js', readyPath: '/jwks', env: { SIGNING_JWK } };

const CLIENT = { client_id: 'bench', redirect_uri: 'https://app.example/callback' };
/** Made once: a client's work is none of the server's. */
const CODE_VERIFIER = randomBytes(32).toString('base64url');
const CODE_CHALLENGE = createHash('sha256').update(CODE_VERIFIER).digest('base64url');
/** An access token that is a JWT and no ID token beside it: one signature, as elsewhere. */
const FOR_API = { scope: 'api', resource: 'urn:bench:api' };
const FOR_USERINFO = { scope: 'openid email profile' };

interface Credentials {
  readonly email: string;
  readonly password: string;
}

interface Tokens {
  readonly access: string;
  readonly refresh: string;
}

/** oidc-provider on PostgreSQL, with a login of the bench's own. */
export const oidcProvider: Contender = {
  name: 'oidc-provider',
  notes: [
    'login: the authorization code flow with PKCE, four requests; the password is checked by the bench’s own interaction, consent is skipped',
    'token: the refresh_token grant with rotation and a JWT access token; read: userinfo with an opaque one',
  ],
  installed: { directory: PEERS, packages: ['oidc-provider', 'pg', '@node-rs/argon2'] },
  own: ['oidc-provider.js', 'oidc-adapter.js', 'password.js'].map((name) => join(PEERS, name)),
  migrate: (bench, databaseUrl) => migratePeer(bench, PEER, databaseUrl),
  start: (bench, databaseUrl, home) => startPeer(bench, PEER, databaseUrl, home),
  async prepare(port, { login, others }) {
    const users: Credentials[] = [];
    const tokens: { readonly api: Tokens; readonly userinfo: Tokens }[] = [];
    while (users.length < others) {
      const user = await runFlow(port, register(port));
      users.push(user);
      const api = await runFlow(port, logIn(port, user, FOR_API));
      tokens.push({ api, userinfo: await runFlow(port, logIn(port, user, FOR_USERINFO)) });
    }
    const jwks = httpRequest(port, 'GET', '/jwks');
    return {
      login: users.slice(0, login).map((user) => repeatFlow(() => logIn(port, user, FOR_API))),
      token: tokens.map(({ api }) => walk(port, api.refresh)),
      read: tokens.map(({ userinfo }) =>
        repeat(httpRequest(port, 'GET', '/me', { bearer: userinfo.access }), 200),
      ),
      jwks: users.map(() => repeat(jwks, 200)),
    };
  },
};

function* register(port: number): Flow<Credentials> {
  const body = newRegistration();
  const { status, body: text } = yield httpRequest(port, 'POST', '/bench/register', { body });
  expectStatus(204)(status, text);
  return { email: body.email, password: body.password };
}

/** As a browser that was never there before. */
function* logIn(port: number, user: Credentials, asked: Record<string, string>): Flow<Tokens> {
  const jar = cookieJar();
  const challenge = { code_challenge: CODE_CHALLENGE, code_challenge_method: 'S256' };
  const query = { response_type: 'code', ...CLIENT, ...challenge, ...asked };
  const begun = yield httpRequest(port, 'GET', `/auth?${new URLSearchParams(query)}`);
  jar.take(begun);
  const interaction = redirection(begun).pathname;
  const checked = yield httpRequest(port, 'POST', interaction, {
    body: user,
    cookie: jar.header(),
  });
  jar.take(checked);
  const resumed = yield httpRequest(port, 'GET', redirection(checked).pathname, {
    cookie: jar.header(),
  });
  const code = redirection(resumed).searchParams.get('code');
  if (code === null) throw new Error(`no code came: ${resumed.head}`);
  const grant = { grant_type: 'authorization_code', code, code_verifier: CODE_VERIFIER };
  const answer = yield httpRequest(port, 'POST', '/token', { form: { ...CLIENT, ...grant } });
  const access = textMember(answer, 'access_token');
  if (asked.resource !== undefined && access.split('.').length !== 3) throw new Error('no JWT');
  return { access, refresh: textMember(answer, 'refresh_token') };
}

/** A session that is refreshed, each time with the token that came last. */
function walk(port: number, first: string) {
  let token = first;
  return repeatFlow(function* () {
    const form = { client_id: 'bench', grant_type: 'refresh_token', refresh_token: token };
    const answer = yield httpRequest(port, 'POST', '/token', { form });
    const successor = textMember(answer, 'refresh_token');
    if (successor === token) throw new Error('no new refresh token came');
    token = successor;
  });
}
