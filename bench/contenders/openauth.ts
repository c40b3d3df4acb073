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
import { PEERS, startPeer } from './peer-process.ts';

const PEER = { file: 'openauth.js', readyPath: '/.well-known/jwks.json' };
const CLIENT = { client_id: 'bench', redirect_uri: 'http://127.0.0.1:1/callback' };

interface Credentials {
  readonly email: string;
  readonly password: string;
}

/** OpenAuth, which keeps all in memory and signs with ES256. */
export const openAuth: Contender = {
  name: 'OpenAuth',
  notes: [
    'login: the authorization code flow by the password provider, three requests; token: a refresh; it has no call for the account',
    'no database: storage in memory, lost with the process; ES256, whose signatures cost a fraction of RS256’s',
  ],
  installed: {
    directory: PEERS,
    packages: ['@openauthjs/openauth', '@hono/node-server', '@node-rs/argon2'],
  },
  own: ['openauth.js', 'password.js'].map((name) => join(PEERS, name)),
  start: (bench, databaseUrl, home) => startPeer(bench, PEER, databaseUrl, home),
  async prepare(port, { login, others }) {
    const users: Credentials[] = [];
    const tokens: string[] = [];
    while (users.length < others) {
      const user = await runFlow(port, register(port));
      users.push(user);
      tokens.push(await runFlow(port, logIn(port, user)));
    }
    const jwks = httpRequest(port, 'GET', PEER.readyPath);
    return {
      login: users.slice(0, login).map((user) => repeatFlow(() => logIn(port, user))),
      token: tokens.map((token) => walk(port, token)),
      read: undefined,
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

/** As a browser that was never there before; returns the refresh token. */
function* logIn(port: number, user: Credentials): Flow<string> {
  const jar = cookieJar();
  const query = new URLSearchParams({ ...CLIENT, response_type: 'code', provider: 'password' });
  const begun = yield httpRequest(port, 'GET', `/authorize?${query}`);
  jar.take(begun);
  // Its form posts to where it came from; what the page looks like costs nothing here.
  const checked = yield httpRequest(port, 'POST', redirection(begun).pathname, {
    form: { ...user },
    cookie: jar.header(),
  });
  const code = redirection(checked).searchParams.get('code');
  if (code === null) throw new Error(`no code came: ${checked.head}`);
  const form = { ...CLIENT, grant_type: 'authorization_code', code };
  const answer = yield httpRequest(port, 'POST', '/token', { form });
  textMember(answer, 'access_token');
  return textMember(answer, 'refresh_token');
}

/** A session that is refreshed, each time with the token that came last. */
function walk(port: number, first: string) {
  let token = first;
  return repeatFlow(function* () {
    const form = { grant_type: 'refresh_token', refresh_token: token };
    const answer = yield httpRequest(port, 'POST', '/token', { form });
    textMember(answer, 'access_token');
    const successor = textMember(answer, 'refresh_token');
    if (successor === token) throw new Error('no new refresh token came');
    token = successor;
  });
}
