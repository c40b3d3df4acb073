import { describe, expect, test } from 'vitest';
import { seconds } from '../../src/kit/duration.ts';
import { fakeKey, jwkSet } from '../support/fake-issuer.ts';
import { first, second, UNAVAILABLE, UNKNOWN, verifierScene } from '../support/verifier-scene.ts';

const EXPIRED = expect.objectContaining({ status: 401, code: 'token_expired' });
const CLAIMS = expect.objectContaining({ status: 401, code: 'token_claims_invalid' });

describe('a token', () => {
  test('is answered with its claims, to everybody the same and unchangeable', async () => {
    const { verify, token } = await verifierScene();
    const shown = token(first, { aud: ['x', 'y'], roles: { admin: false } });
    await expect(verify(shown)).rejects.toEqual(CLAIMS);
    const good = token(first, { roles: { admin: false } });
    const claims = await verify(good);
    expect(claims).toMatchObject({ sub: 'somebody', client_id: 'a-client' });
    expect(() => Object.assign(claims, { sub: 'another' })).toThrow(TypeError);
    expect(() => Object.assign(claims.roles as object, { admin: true })).toThrow(TypeError);
    expect(await verify(good)).toBe(claims);
  });

  test('is good until the second of its exp and no longer, however often it was seen', async () => {
    const { verify, clock, token } = await verifierScene();
    const shown = token();
    await verify(shown);
    clock.advance(seconds(899.999));
    await verify(shown);
    clock.advance(seconds(0.001));
    await expect(verify(shown)).rejects.toEqual(EXPIRED);
  });

  test.each([
    ['empty', ''],
    ['of a control character', 'a\0b'],
    ['of a lone surrogate', 'a\ud800'],
    ['of 256 characters', 'a'.repeat(256)],
  ])('with a sub %s is refused', async (_, sub) => {
    const { verify, token } = await verifierScene();
    await expect(verify(token(first, { sub }))).rejects.toEqual(CLAIMS);
  });

  test('that is no text is refused like any other, remembered or not', async () => {
    for (const tokenCacheSize of [0, 10]) {
      const { verify } = await verifierScene({ tokenCacheSize });
      for (const shown of [undefined, null, 7, ['a.b.c'], {}, Buffer.from('a.b.c')]) {
        await expect(verify(shown as string)).rejects.toMatchObject({
          status: 401,
          code: 'token_malformed',
        });
      }
    }
  });

  test('for other lengths of skew is judged by the one that is set', async () => {
    const { verify, clock, token } = await verifierScene({ clockSkew: '5s' });
    const now = clock.now().getTime() / 1000;
    await verify(token(first, { iat: now + 5 }));
    await expect(verify(token(first, { iat: now + 6 }))).rejects.toEqual(CLAIMS);
  });
});

describe('remembered tokens', () => {
  test('go with their key, at the next fetch', async () => {
    const { issuer, verify, clock, token } = await verifierScene({ cacheTtl: '100s' });
    const shown = token();
    await verify(shown);
    issuer.jwks = jwkSet(second);
    clock.advance(seconds(99));
    await verify(shown);
    clock.advance(seconds(1));
    await expect(verify(shown)).rejects.toEqual(UNKNOWN);
  });

  test('go with their key at once when another token brings the fetch about', async () => {
    const { issuer, verify, clock, token } = await verifierScene();
    const shown = token();
    await verify(shown);
    issuer.jwks = jwkSet(second);
    clock.advance(seconds(30));
    await verify(token(second));
    await expect(verify(shown)).rejects.toEqual(UNKNOWN);
  });

  test('go when another key takes the kid', async () => {
    const { issuer, verify, clock, token } = await verifierScene({ cacheTtl: '100s' });
    const shown = token();
    const claims = await verify(shown);
    clock.advance(seconds(100));
    expect(await verify(shown)).toEqual(claims);
    issuer.jwks = jwkSet(fakeKey('first'));
    clock.advance(seconds(100));
    await expect(verify(shown)).rejects.toEqual(UNKNOWN);
  });

  test('are worth nothing once the keys are stale', async () => {
    const { issuer, verify, clock, token } = await verifierScene({
      cacheTtl: '5m',
      maxStale: '5m',
    });
    const shown = token();
    await verify(shown);
    issuer.away = true;
    clock.advance(seconds(600));
    await verify(shown);
    clock.advance(seconds(1));
    await expect(verify(shown)).rejects.toEqual(UNAVAILABLE);
  });

  test('are as many as they may be, and none when it is switched off', async () => {
    for (const [tokenCacheSize, remembered] of [
      [2, [false, true, true]],
      [0, [false, false, false]],
    ] as const) {
      const { verify, token } = await verifierScene({ tokenCacheSize });
      const tokens = [token(), token(), token()];
      const before = [];
      for (const shown of tokens) before.push(await verify(shown));
      // What is remembered is the very object; read from the newest, since a miss makes room.
      const same = [];
      for (const i of [2, 1, 0]) same[i] = (await verify(tokens[i] ?? '')) === before[i];
      expect(same).toEqual(remembered);
    }
  });

  test('are taken by the whole token: a changed one is judged by itself', async () => {
    const { verify, token } = await verifierScene();
    const shown = token();
    await verify(shown);
    for (const at of [3, shown.indexOf('.') + 5, shown.length - 40]) {
      const other = shown[at] === 'A' ? 'B' : 'A';
      const changed = shown.slice(0, at) + other + shown.slice(at + 1);
      await expect(verify(changed)).rejects.toMatchObject({ status: 401 });
    }
  });
});

test('events tell of each token and each fetch', async () => {
  const { issuer, verify, clock, events, token } = await verifierScene();
  await verify(token());
  const shown = token();
  await verify(shown);
  await verify(shown);
  await verify('garbage').catch(() => {});
  await verify(token(second)).catch(() => {});
  await verify(token(first, { aud: 'x' })).catch(() => {});
  issuer.jwks = { keys: [] };
  clock.advance(seconds(900));
  await verify(shown).catch(() => {});
  await verify(token(second)).catch(() => {});
  expect(events.map(({ type, result }) => `${type} ${result}`)).toEqual([
    'jwks_fetched ok',
    'validated ok',
    'validated ok',
    'validated ok',
    'validated token_malformed',
    'validated token_signature_invalid',
    'validated token_claims_invalid',
    'validated token_expired',
    'jwks_fetched no_keys',
    'validated token_signature_invalid',
  ]);
});
