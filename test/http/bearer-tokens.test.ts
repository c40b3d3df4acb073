import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { carryOut } from '../../src/issuer/keys/transition.ts';
import type { Kid } from '../../src/kit/id.ts';
import { type Client, claimsOf, clientOf, partOf, type SignedIn } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { openKeys } from '../support/opened-keys.ts';
import { expectProblem } from '../support/problem.ts';
import { ALGORITHMS, HEADERS } from './forged-headers.ts';
import { SHAPES, SIGNATURES, STATEMENTS } from './forged-tokens.ts';
import { type Workshop, withClaims, withHeader } from './forgery.ts';

const FORGERIES = [...ALGORITHMS, ...HEADERS, ...SHAPES, ...SIGNATURES, ...STATEMENTS];

describe.each(DRIVERS)('bearer tokens on $name', (driver) => {
  let keyturn: TestKeyturn;
  let client: Client;
  let ann: SignedIn;
  let bob: SignedIn;
  let workshop: Workshop;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
    client = clientOf(keyturn);
    ann = await client.register();
    bob = await client.register();
    workshop = {
      keys: await openKeys(keyturn),
      token: ann.accessToken,
      otherToken: (await client.login(ann)).accessToken,
      refreshToken: ann.refreshToken,
      now: keyturn.clock.now().getTime() / 1000,
    };
  });
  afterAll(() => keyturn.close());

  const me = (token: string) => client.me({ accessToken: token });
  const plain = (response: { text: string; body: { request_id: string } }) =>
    response.text.replace(response.body.request_id, '');

  test('the table is as long as it should be, and names each kind once', () => {
    expect(FORGERIES.length).toBeGreaterThan(150);
    expect(new Set(FORGERIES.map(([name]) => name)).size).toBe(FORGERIES.length);
  });

  const firstOfCode = new Map<string, string>();
  test.each(FORGERIES)('%s: %s, the same for each of its kind', async (_, code, make) => {
    const response = await me(make(workshop));
    expectProblem(response, 401, code);
    const answer = `${response.headers['www-authenticate']} ${plain(response)}`;
    const first = firstOfCode.get(code) ?? answer;
    firstOfCode.set(code, first);
    expect(answer).toBe(first);
  });

  test('none of it reaches the log', async () => {
    const from = keyturn.lines.length;
    const forged = withClaims(workshop, { name: 'a name that only a forger knows' });
    const broken = `${forged.slice(0, -6)}AAAAAA`;
    await me(broken);
    await client.get(`/api/auth/me?access_token=${ann.accessToken}`);
    const lines = keyturn.lines.slice(from).join('');
    expect(lines).toContain('/api/auth/me');
    for (const part of [...broken.split('.'), ...ann.accessToken.split('.')]) {
      expect(lines).not.toContain(part);
    }
  });

  test.each<[string, (made: Workshop) => string]>([
    ['as it was issued', ({ token }) => token],
    [
      'typ in its long form',
      (made) => withHeader(made, { ...partOf(made.token, 0), typ: 'application/at+jwt' }),
    ],
    [
      'aud an array with us in it',
      (made) => withClaims(made, { aud: ['x', claimsOf(made.token).aud] }),
    ],
    [
      'iat within the skew',
      (made) => withClaims(made, { iat: made.now + 60, exp: made.now + 900 }),
    ],
    ['an unknown claim', (made) => withClaims(made, { scope: 'todos' })],
  ])('a good token is taken: %s', async (_, make) => {
    const response = await me(make(workshop));
    expect(response.status).toBe(200);
    expect(response.body.id).toBe(ann.userId);
  });

  test('a good token of no live session of its user is session_ended', async () => {
    const foreign = claimsOf(bob.accessToken);
    const uuid = '00000000-0000-7000-8000-000000000000';
    for (const claims of [
      { sid: uuid },
      { sid: foreign.sid },
      { sub: foreign.sub },
      { sub: uuid },
    ]) {
      expectProblem(await me(withClaims(workshop, claims)), 401, 'session_ended');
    }
  });

  test('the scheme is read in any case, and no other is', async () => {
    for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
      const headers = { Authorization: `${scheme} ${ann.accessToken}` };
      expect((await client.get('/api/auth/me', headers)).status).toBe(200);
    }
    const basic = Buffer.from(`${ann.email}:x`).toString('base64');
    for (const value of [
      '',
      'Bearer',
      'Bearer ',
      `Basic ${basic}`,
      ann.accessToken,
      `Token ${ann.accessToken}`,
      `BearerX ${ann.accessToken}`,
      `DPoP ${ann.accessToken}`,
    ]) {
      const response = await client.get('/api/auth/me', { Authorization: value });
      expectProblem(response, 401, 'token_missing');
    }
  });

  test('in the query, the body or a cookie it is as if absent', async () => {
    const { accessToken } = ann;
    const absent = plain(await client.get('/api/auth/me'));
    const cookie = `access_token=${accessToken}; keyturn_refresh=${accessToken}`;
    const responses = [
      await client.get('/api/auth/me'),
      await client.get(`/api/auth/me?access_token=${accessToken}`),
      await client.get('/api/auth/me', { Cookie: cookie, Origin: keyturn.issuer }),
      await client.get('/api/auth/me', { 'X-Access-Token': accessToken }),
      await client.get('/api/auth/me').send({ access_token: accessToken }),
      await client.post('/api/auth/logout-all', { access_token: accessToken }),
    ];
    for (const response of responses) {
      expectProblem(response, 401, 'token_missing');
      expect(plain(response)).toBe(absent);
    }
  });

  /** Sends header lines as they stand and answers status and code. */
  async function raw(...lines: string[]): Promise<string> {
    const { port } = new URL(keyturn.url);
    const socket = connect(Number(port), '127.0.0.1');
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    const head = ['GET /api/auth/me HTTP/1.1', 'Host: localhost', 'Connection: close', ...lines];
    socket.write(`${head.join('\r\n')}\r\n\r\n`);
    await once(socket, 'end');
    socket.destroy();
    const answer = Buffer.concat(chunks).toString();
    return `${answer.slice(9, 12)} ${/"code":"(\w+)"/.exec(answer)?.[1] ?? ''}`;
  }

  test('two Authorization headers are no request', async () => {
    const good = `Authorization: Bearer ${ann.accessToken}`;
    expect(await raw(good)).toBe('200 ');
    expect(await raw(good, good)).toBe('400 invalid_request');
    expect(await raw(good, 'authorization: Basic eDp5')).toBe('400 invalid_request');
    expect(await raw('AUTHORIZATION: Basic eDp5', good)).toBe('400 invalid_request');
  });

  test('longer than a header may be it is refused by the edge', async () => {
    expect(await raw(`Authorization: Bearer ${'x'.repeat(20_000)}`)).toBe('431 invalid_request');
    expect(await raw(`Authorization: Bearer ${'x'.repeat(10_000)}`)).toBe('401 token_malformed');
  });

  test('an access token is no refresh token', async () => {
    expectProblem(await client.refresh(ann.accessToken), 401, 'invalid_refresh_token');
    expect((await client.logout(ann.accessToken)).status).toBe(204);
    expect((await me(ann.accessToken)).status).toBe(200);
  });

  // The last, since it takes the key away that the others' tokens are signed with.
  test('a token that was good a moment ago is refused once its key is revoked', async () => {
    expect((await me(ann.accessToken)).status).toBe(200);
    const { transitions, keyring } = keyturn.parts.issuer ?? {};
    if (!transitions || !keyring) throw new Error('no issuer');
    const kid = String(partOf(ann.accessToken, 0).kid) as Kid;
    await carryOut(transitions, { kind: 'revoke', kid, immediately: false });
    await keyring.poll();
    expectProblem(await me(ann.accessToken), 401, 'token_signature_invalid');
    const { body } = await client.refresh(ann.refreshToken);
    expect((await me(body.access_token)).status).toBe(200);
  });
});
