import { describe, expect, test, vi } from 'vitest';
import { seconds } from '../../src/kit/duration.ts';
import { createVerifier } from '../../src/resource-server/verifier.ts';
import { type Answer, fakeKey, fakeToken, jwkSet, METADATA } from '../support/fake-issuer.ts';
import { first, second, UNAVAILABLE, UNKNOWN, verifierScene } from '../support/verifier-scene.ts';

const redirect: Answer = (response) =>
  void response.writeHead(302, { Location: 'http://127.0.0.1:1/jwks' }).end();
const large: Answer = (response) => {
  response.writeHead(200);
  const chunk = Buffer.alloc(1024 * 1024, ' ');
  response.on('error', () => {});
  for (let i = 0; i < 10; i += 1) response.write(chunk);
  response.end(JSON.stringify(jwkSet(first)));
};
const silent: Answer = () => {};
const slow: Answer = (response) => {
  response.writeHead(200).write('{"keys":');
};

/** Answers that bring no keys, and what a start says of them. */
const USELESS: readonly (readonly [name: string, answer: Answer, says: RegExp])[] = [
  ['an error', (response) => void response.writeHead(500).end('{}'), /unreachable: .*status 500/],
  ['nobody', (response) => void response.destroy(), /is unreachable: /],
  ['a redirect', redirect, /unreachable: .*status 302/],
  ['10 MB', large, /unreachable: .*larger than/],
  ['no answer', silent, /unreachable: it takes too long/],
  ['half an answer', slow, /unreachable: it takes too long/],
  ['HTML', (response) => void response.end('<html>'), /does not answer JSON/],
  ['nothing', (response) => void response.end(), /does not answer JSON/],
  ['a list', [], /does not answer a JWK Set/],
  ['keys that are none', { keys: {} }, /does not answer a JWK Set/],
  ['an empty set', { keys: [] }, /holds no keys/],
  ['a curve', { keys: [{ kty: 'EC', kid: 'a', crv: 'P-256' }] }, /no key for RS256/],
];

describe('answers that bring no keys', () => {
  test.each(USELESS)('at the start, %s: it fails and says so', async (_, answer, says) => {
    const { issuer, verify, token, events } = await verifierScene({ timeout: '1s' });
    issuer.jwks = answer;
    await expect(verify.start('0s')).rejects.toThrow(says);
    await expect(verify.start('0s')).rejects.toThrow(issuer.jwksUri);
    expect(verify.ready()).toBe(false);
    expect(events.map(({ type }) => type)).toEqual(['jwks_fetched', 'jwks_fetched']);
    await expect(verify(token())).rejects.toEqual(UNAVAILABLE);
  });

  test.each(USELESS)('later, %s: the keys that are there serve on', async (_, answer) => {
    const { issuer, verify, clock, token } = await verifierScene({
      timeout: '1s',
      cacheTtl: '15m',
    });
    await verify.start();
    issuer.jwks = answer;
    clock.advance(seconds(900));
    expect(await verify(token())).toMatchObject({ sub: 'somebody' });
    expect(issuer.fetches()).toBe(2);
    expect(verify.ready()).toBe(true);
    // It is asked again once it has had time to mend itself.
    issuer.jwks = jwkSet(second);
    clock.advance(seconds(30));
    await verify(token(second));
    await expect(verify(token(first))).rejects.toEqual(UNKNOWN);
  });

  const METADATA_FAULTS: readonly (readonly [string, Answer, RegExp])[] = [
    [
      'of another issuer',
      { issuer: 'https://a.example/' },
      /for "https:\/\/a\.example\/", not for "h/,
    ],
    ['null', (response) => void response.end('null'), /speaks for no issuer, not for "http/],
    ['HTML', (response) => void response.end('<html>'), /does not answer JSON/],
    ['a redirect', redirect, /unreachable: .*status 302/],
  ];
  test.each(METADATA_FAULTS)('metadata %s', async (_, answer, says) => {
    const { issuer, verify } = await verifierScene();
    issuer.metadata = answer;
    await expect(verify.start('0s')).rejects.toThrow(says);
    expect(issuer.requests).toEqual([METADATA]);
  });

  test.each([undefined, 7, '', 'jwks.json', 'data:application/json,{}', 'file:///etc/passwd'])(
    'metadata with the jwks_uri %j',
    async (jwksUri) => {
      const { issuer, verify } = await verifierScene();
      issuer.metadata = { issuer: issuer.url, jwks_uri: jwksUri };
      await expect(verify.start('0s')).rejects.toThrow('names no jwks_uri');
    },
  );

  test('a start tries again until its patience is over', async () => {
    const { issuer } = await verifierScene();
    const verify = createVerifier({ issuer: issuer.url, audience: issuer.url });
    issuer.away = true;
    const started = verify.start('30s');
    await vi.waitUntil(() => issuer.requests.length >= 2, { timeout: 60_000 });
    expect(verify.ready()).toBe(false);
    issuer.away = false;
    await started;
    expect(verify.ready()).toBe(true);
  });

  test('a start can be called off', async () => {
    const { issuer, verify } = await verifierScene();
    issuer.away = true;
    await expect(verify.start('30s', AbortSignal.abort())).rejects.toThrow('aborted');
  });
});

describe('keys of a set', () => {
  const { jwk } = first;
  const { d } = first.privateKey.export({ format: 'jwk' });
  const short = fakeKey('first', 1024);
  test.each<[string, object]>([
    ['of 1024 bits', short.jwk],
    ['for encryption', { ...jwk, use: 'enc' }],
    ['for another algorithm', { ...jwk, alg: 'RS512' }],
    ['for other operations', { ...jwk, key_ops: ['encrypt'] }],
    ['without a kid', { ...jwk, kid: undefined }],
    ['with a kid that is no text', { ...jwk, kid: 1 }],
    ['without a modulus', { ...jwk, n: undefined }],
    ['with an exponent of 1', { ...jwk, e: 'AQ' }],
    ['with a private member', { ...jwk, d }],
    ['of another kind', { ...jwk, kty: 'oct', k: 'AAAA' }],
    ['that are lists', [jwk]],
  ])('%s are passed over', async (_, bad) => {
    const { issuer, verify, token } = await verifierScene();
    issuer.jwks = { keys: [null, 'x', bad, second.jwk] };
    await expect(verify(token(first))).rejects.toEqual(UNKNOWN);
    await verify(token(second));
    issuer.jwks = { keys: [bad] };
    const alone = createVerifier({ issuer: issuer.url, audience: issuer.url });
    await expect(alone.start('0s')).rejects.toThrow('no key for RS256');
  });

  test('use, alg and key_ops may be absent or say what they are for', async () => {
    const { issuer, verify, token } = await verifierScene();
    const { use: _, alg: __, ...bare } = first.jwk;
    issuer.jwks = { keys: [bare, { ...second.jwk, key_ops: ['verify'] }] };
    await verify(token(first));
    await verify(token(second));
  });

  test('the first of two with one kid counts', async () => {
    const { issuer, verify, token } = await verifierScene();
    issuer.jwks = { keys: [first.jwk, { ...second.jwk, kid: 'first' }] };
    await verify(token(first));
    await expect(verify(token({ ...second, kid: 'first' }))).rejects.toEqual(UNKNOWN);
  });

  test('a short key verifies nothing even where it was handed out', async () => {
    const { issuer, verify, clock } = await verifierScene();
    issuer.jwks = { keys: [short.jwk, second.jwk] };
    await expect(verify(fakeToken(issuer, short, clock.now()))).rejects.toEqual(UNKNOWN);
  });
});
