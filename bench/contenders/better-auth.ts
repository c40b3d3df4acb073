import { join } from 'node:path';
import { httpRequest, newRegistration } from '../harness/api.ts';
import {
  type Answer,
  cookieJar,
  type Flow,
  repeatFlow,
  runFlow,
  textMember,
} from '../harness/flow.ts';
import type { Contender } from './contender.ts';
import { migratePeer, PEERS, startPeer } from './peer-process.ts';

const PEER = { file: 'better-auth.js', readyPath: '/api/auth/jwks' };

/** Better Auth with its jwt plugin. */
export const betterAuth: Contender = {
  name: 'Better Auth',
  notes: [
    'login: POST /sign-in/email; token: GET /token of the jwt plugin, with the session’s cookie (there is no refresh token, and nothing rotates)',
    'read: GET /get-session, from the database, without a token for each',
  ],
  installed: { directory: PEERS, packages: ['better-auth', 'pg', '@node-rs/argon2'] },
  own: ['better-auth.js', 'password.js'].map((name) => join(PEERS, name)),
  migrate: (bench, databaseUrl) => migratePeer(bench, PEER, databaseUrl),
  start: (bench, databaseUrl, home) => startPeer(bench, PEER, databaseUrl, home),
  async prepare(port, { login, others }) {
    const users: { readonly email: string; readonly password: string; readonly cookie: string }[] =
      [];
    while (users.length < others) users.push(await runFlow(port, register(port)));
    const get = (path: string, cookie?: string) =>
      httpRequest(port, 'GET', `/api/auth${path}`, cookie === undefined ? {} : { cookie });
    return {
      login: users.slice(0, login).map(({ email, password }) => {
        const body = { email, password };
        return once(httpRequest(port, 'POST', '/api/auth/sign-in/email', { body }), (answer) =>
          textMember(answer, 'token'),
        );
      }),
      token: users.map(({ cookie }) =>
        once(get('/token', cookie), (answer) => textMember(answer, 'token')),
      ),
      read: users.map(({ cookie, email }) =>
        // It answers null, with 200, where there is no session.
        once(get('/get-session', cookie), (answer) => expectText(answer, email)),
      ),
      jwks: users.map(() => once(get('/jwks'), (answer) => expectText(answer, '"RS256"'))),
    };
  },
};

function* register(port: number): Flow<{ email: string; password: string; cookie: string }> {
  const body = newRegistration();
  const answer = yield httpRequest(port, 'POST', '/api/auth/sign-up/email', { body });
  textMember(answer, 'token');
  const jar = cookieJar();
  jar.take(answer);
  return { email: body.email, password: body.password, cookie: jar.header() };
}

function once(request: string, check: (answer: Answer) => unknown) {
  return repeatFlow(function* () {
    check(yield request);
  });
}

function expectText({ status, body }: Answer, text: string): void {
  if (status !== 200 || !body.includes(text)) throw new Error(`${status} without ${text}: ${body}`);
}
