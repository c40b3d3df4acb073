import { createServer, type Server } from 'node:http';
import { type AddressInfo, Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createVerifier, type Verifier } from '../../src/resource-server/verifier.ts';
import { bearer, type Client, clientOf, partOf } from '../support/client.ts';
import { DRIVERS, type TestDriver } from '../support/databases.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { openKeys } from '../support/opened-keys.ts';
import { type ProtectedService, SERVICES } from '../support/protected-services.ts';
import { ALGORITHMS, HEADERS } from './forged-headers.ts';
import { SHAPES, SIGNATURES, STATEMENTS } from './forged-tokens.ts';
import {
  CLAIMS,
  type Forgery,
  MALFORMED,
  SIGNATURE,
  type Workshop,
  withClaims,
  withHeader,
} from './forgery.ts';

const KINDS = [...ALGORITHMS, ...HEADERS, ...SHAPES, ...SIGNATURES, ...STATEMENTS];
/** What only the issuer judges: who its users and sessions are. */
const AT_THE_ISSUER = /^claim (sid|sub no UUID)/;
const AT_ONCE = 25;

interface Forged {
  readonly name: string;
  readonly code: string;
  readonly token: string;
}

/** Tokens that would like to lead a verifier to a server of their own. */
const luring = (lure: string): Forgery[] => [
  ...['jku', 'x5u', 'jwk', 'x5c', 'iss', 'url'].map(
    (name): Forgery => [
      `header ${name} with a lure`,
      MALFORMED,
      (made) => withHeader(made, { ...partOf(made.token, 0), [name]: lure }),
    ],
  ),
  [
    'kid with a lure',
    SIGNATURE,
    (made) => withHeader(made, { ...partOf(made.token, 0), kid: lure }),
  ],
  ['iss with a lure', CLAIMS, (made) => withClaims(made, { iss: lure })],
  ['aud with a lure', CLAIMS, (made) => withClaims(made, { aud: [lure] })],
];

/** A good token with one digit changed at each of some places, spread over all of it. */
function scratched({ token }: Workshop): Forged[] {
  return Array.from({ length: 60 }, (_, i) => {
    const at = Math.floor(((i + 0.5) * token.length) / 60);
    const digit = token[at] === '.' ? 'A' : token[at] === 'Q' ? 'g' : 'Q';
    const changed = token.slice(0, at) + digit + token.slice(at + 1);
    return { name: `digit ${at} changed`, code: '', token: changed };
  });
}

describe('forged tokens', () => {
  let keyturn: TestKeyturn;
  let client: Client;
  let trap: Server;
  let trapped = 0;
  let forged: Forged[];
  let good: string;
  let verify: Verifier;
  let fetches = 0;
  const services = new Map<string, ProtectedService>();
  const contacted = new Set<string>();

  beforeAll(async () => {
    keyturn = await startKeyturn(DRIVERS[0] as TestDriver);
    client = clientOf(keyturn);
    trap = createServer((_, response) => {
      trapped += 1;
      response.end('{}');
    });
    trap.listen(0, '127.0.0.1');
    await new Promise((listening) => trap.once('listening', listening));
    const lure = `http://127.0.0.1:${(trap.address() as AddressInfo).port}/jwks.json`;
    const keys = await openKeys(keyturn);
    const workshops: Workshop[] = [];
    for (const name of ['Ann', 'Bob', 'Cem']) {
      const { email, accessToken, refreshToken } = await client.register({ name });
      const otherToken = (await client.login({ email })).accessToken;
      const now = keyturn.clock.now().getTime() / 1000;
      workshops.push({ keys, token: accessToken, otherToken, refreshToken, now });
      good = accessToken;
    }
    forged = workshops.flatMap((made) => [
      ...[...KINDS, ...luring(lure)].map(([name, code, make]) => ({
        name,
        code,
        token: make(made),
      })),
      ...scratched(made),
    ]);
    const { issuer } = keyturn;
    verify = createVerifier({
      issuer,
      audience: issuer,
      clock: keyturn.clock,
      jwksUri: `${keyturn.url}/.well-known/jwks.json`,
      onEvent: ({ type }) => {
        if (type === 'jwks_fetched') fetches += 1;
      },
    });
    await verify.start();
    for (const [name, start] of Object.entries(SERVICES)) services.set(name, await start(verify));
    const open = Socket.prototype.connect;
    vi.spyOn(Socket.prototype, 'connect').mockImplementation(function (this: Socket, ...args) {
      contacted.add(JSON.stringify(args[0]));
      return open.apply(this, args as Parameters<typeof open>);
    });
  });
  afterAll(async () => {
    vi.restoreAllMocks();
    trap.close();
    await Promise.all([...services.values()].map((service) => service.close()));
    await keyturn.close();
  });

  const elsewhere = () => forged.filter(({ name }) => !AT_THE_ISSUER.test(name));

  /** Presents each to `judge` and answers those that were not refused as they should be. */
  async function wronglyJudged(
    tokens: readonly Forged[],
    judge: (token: string) => Promise<{ status: number; code?: string | undefined }>,
  ) {
    const wrong: object[] = [];
    for (let i = 0; i < tokens.length; i += AT_ONCE) {
      const some = tokens.slice(i, i + AT_ONCE);
      await Promise.all(
        some.map(async ({ name, code, token }) => {
          const answer = await judge(token);
          const right = answer.status === 401 && (code === '' || answer.code === code);
          if (!right) wrong.push({ name, code, answer });
        }),
      );
    }
    return wrong;
  }

  test('are at least 500 of at least 60 kinds at each place', () => {
    for (const tokens of [forged, elsewhere()]) {
      expect(new Set(tokens.map(({ token }) => token)).size).toBeGreaterThan(500);
      expect(new Set(tokens.map(({ name }) => name)).size).toBeGreaterThan(60);
    }
  });

  test.each([
    ['GET', '/api/auth/me'],
    ['GET', '/api/auth/sessions'],
    ['DELETE', '/api/auth/sessions/00000000-0000-7000-8000-000000000000'],
    ['POST', '/api/auth/logout-all'],
    ['PATCH', '/api/auth/me'],
    ['DELETE', '/api/auth/me'],
    ['POST', '/api/auth/password/change'],
    ['POST', '/api/auth/email/change'],
    ['POST', '/api/auth/email/resend'],
  ])("are refused at the issuer's own calls: %s %s", async (method, path) => {
    expect(await wronglyJudged(forged, (token) => call(method, path, token))).toEqual([]);
  });

  const TODO = '/api/users/me/todos/00000000-0000-7000-8000-000000000000';
  test.each([
    ['GET', '/api/users/me/todos'],
    ['POST', '/api/users/me/todos'],
    ['GET', TODO],
    ['PATCH', TODO],
    ['DELETE', TODO],
    ['GET', '/api/users/00000000-0000-7000-8000-000000000000/todos'],
  ])('are refused by the todos: %s %s', async (method, path) => {
    expect((await call(method, path, good)).status).not.toBe(401);
    expect(await wronglyJudged(elsewhere(), (token) => call(method, path, token))).toEqual([]);
  });

  test('are refused by the verifier that others import', async () => {
    await expect(verify(good)).resolves.toBeDefined();
    const judge = async (token: string) =>
      verify(token).then(
        () => ({ status: 200 }),
        (error) => error,
      );
    expect(await wronglyJudged(elsewhere(), judge)).toEqual([]);
  });

  test.each(Object.keys(SERVICES))('are refused behind %s', async (name) => {
    const url = services.get(name)?.url ?? '';
    const judge = async (token: string) => {
      const response = await fetch(url, { headers: bearer(token) });
      const { code } = (await response.json()) as { code?: string };
      return { status: response.status, code };
    };
    expect(await judge(good)).toMatchObject({ status: 200 });
    expect(await wronglyJudged(elsewhere(), judge)).toEqual([]);
  });

  test('have led nobody anywhere, and into no fault', () => {
    expect(trapped).toBe(0);
    expect(fetches).toBe(1);
    const { port: trapPort } = trap.address() as AddressInfo;
    const known = [
      keyturn.url,
      keyturn.config.database.url?.reveal() ?? '',
      ...[...services.values()].map(({ url }) => url),
    ];
    const ports = known.map((url) => new URL(url).port);
    expect(contacted.size).toBeGreaterThan(0);
    for (const target of contacted) {
      expect(target).not.toContain('evil.example');
      expect(target).not.toContain(String(trapPort));
      expect(ports.some((port) => target.includes(port))).toBe(true);
    }
    const lines = keyturn.lines.map((line) => JSON.parse(line));
    expect(lines.filter(({ status = 0, level }) => status >= 500 || level === 'error')).toEqual([]);
    expect(lines.filter(({ path = '' }) => path.includes('jwks.json'))).toHaveLength(2);
  });

  async function call(method: string, path: string, token: string) {
    const response = await fetch(keyturn.url + path, { method, headers: bearer(token) });
    const text = await response.text();
    return { status: response.status, code: text ? JSON.parse(text).code : undefined };
  }
});
