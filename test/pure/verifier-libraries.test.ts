import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import buildGetJwks from 'get-jwks';
import { createRemoteJWKSet, customFetch, SignJWT } from 'jose';
import { JwksClient } from 'jwks-rsa';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { VERIFIER_KINDS } from '../../src/issuer/keys/verifiers.ts';
import { seconds } from '../../src/kit/duration.ts';

/**
 * The libraries that are here, at their defaults and in a time of the tests' own: each keeps a key
 * for as long as the table says, and no longer.
 */
const URL_OF_JWKS = 'https://id.example.com/.well-known/jwks.json';
const MINUTE = seconds(60);

interface Key {
  readonly kid: string;
  readonly jwk: object;
  readonly privateKey: KeyObject;
}
function makeKey(kid: string): Key {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return {
    kid,
    privateKey,
    jwk: { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' },
  };
}
const [stolen, fresh] = [makeKey('stolen'), makeKey('fresh')];

let published: readonly Key[];
const jwks = () => ({ keys: published.map(({ jwk }) => jwk) });
const answer = async () => Response.json(jwks());

beforeEach(() => {
  published = [stolen];
  vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] });
  // The very object: the libraries took hold of it when they were loaded.
  vi.spyOn(performance, 'now').mockImplementation(Date.now);
  vi.stubGlobal('fetch', answer);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const kindOf = (name: string) => {
  const kind = VERIFIER_KINDS.find((one) => one.name === name);
  if (!kind) throw new Error(`no kind ${name}`);
  return kind;
};

/** Whether a library finds a key. */
type Finds = (key: Key) => Promise<boolean>;

const found = (promise: Promise<unknown>): Promise<boolean> =>
  promise.then(
    () => true,
    () => false,
  );

async function withJose(): Promise<Finds> {
  const keys = createRemoteJWKSet(new URL(URL_OF_JWKS), { [customFetch]: answer });
  return async ({ kid, privateKey }) => {
    const token = await new SignJWT().setProtectedHeader({ alg: 'RS256', kid }).sign(privateKey);
    const [, payload = '', signature = ''] = token.split('.');
    return found(keys({ alg: 'RS256', kid }, { payload, signature }));
  };
}

function withJwksRsa(): Finds {
  const client = new JwksClient({ jwksUri: URL_OF_JWKS, fetcher: async () => jwks() as never });
  return ({ kid }) => found(client.getSigningKey(kid));
}

function withGetJwks(): Finds {
  const { getJwk } = buildGetJwks();
  return ({ kid }) => found(getJwk({ kid, alg: 'RS256', domain: 'https://id.example.com' }));
}

describe('a library at its defaults', () => {
  test('jose keeps what the table says, and looks for an unknown kid after its cooldown', async () => {
    const { keeps, cooldown } = kindOf('jose, express-oauth2-jwt-bearer');
    const finds = await withJose();
    expect(await finds(stolen)).toBe(true);
    published = [fresh];
    vi.advanceTimersByTime(Number(keeps) - 1);
    expect(await finds(stolen)).toBe(true);
    vi.advanceTimersByTime(1);
    expect(await finds(stolen)).toBe(false);

    published = [stolen];
    const other = await withJose();
    expect(await other(stolen)).toBe(true);
    published = [fresh];
    vi.advanceTimersByTime(cooldown - 1);
    expect(await other(fresh)).toBe(false);
    expect(await other(stolen)).toBe(true);
    vi.advanceTimersByTime(1);
    expect(await other(fresh)).toBe(true);
    expect(await other(stolen)).toBe(false);
  });

  test('jwks-rsa keeps each key by itself, for as long as the table says', async () => {
    const { keeps, perKid } = kindOf('jwks-rsa (Node)');
    expect(perKid).toBe(true);
    const finds = withJwksRsa();
    expect(await finds(stolen)).toBe(true);
    published = [fresh];
    expect(await finds(fresh)).toBe(true);
    vi.advanceTimersByTime(Number(keeps) - 1);
    expect(await finds(stolen)).toBe(true);
    vi.advanceTimersByTime(2);
    expect(await finds(stolen)).toBe(false);
  });

  test('get-jwks goes on with a key that is gone, for as long as it is asked', async () => {
    expect(kindOf('get-jwks (fast-jwt)')).toMatchObject({ keeps: 'for_ever', perKid: true });
    const finds = withGetJwks();
    expect(await finds(stolen)).toBe(true);
    published = [fresh];
    for (let asked = 0; asked < 100; asked++) {
      vi.advanceTimersByTime(MINUTE - 1);
      expect(await finds(stolen)).toBe(true);
    }
    // Not asked for a minute, it has forgotten it.
    vi.advanceTimersByTime(MINUTE + 1);
    expect(await finds(stolen)).toBe(false);
  });
});
