import { createPublicKey } from 'node:crypto';
import { calculateJwkThumbprint, createLocalJWKSet, jwtVerify, SignJWT } from 'jose';
import { beforeAll, expect, test } from 'vitest';
import { renderJwks } from '../../src/issuer/keys/jwks.ts';
import {
  makeKeyPair,
  type NewKeyPair,
  publicJwkOf,
  readPrivateKey,
} from '../../src/issuer/keys/key-pair.ts';

let pair: NewKeyPair;
let other: NewKeyPair;
beforeAll(async () => {
  [pair, other] = await Promise.all([makeKeyPair(2048), makeKeyPair(2048)]);
});

const parsed = (keys: readonly NewKeyPair[]) =>
  JSON.parse(renderJwks(keys.map(({ publicJwk }) => publicJwk)).body.toString());

test('a pair has the bits that were asked for, and its kid is its RFC 7638 thumbprint', async () => {
  const { publicJwk, privateKey, bits } = pair;
  expect(bits).toBe(2048);
  expect(Buffer.from(publicJwk.n, 'base64url')).toHaveLength(256);
  expect(publicJwk.kid).toBe(await calculateJwkThumbprint({ ...publicJwk }, 'sha256'));
  expect(await publicJwkOf(createPublicKey(readPrivateKey(privateKey)))).toEqual(publicJwk);
  expect(other.publicJwk.kid).not.toBe(publicJwk.kid);
});

test('the RFC 7638 example has the thumbprint that the RFC prints', async () => {
  const n =
    '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECP' +
    'ebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY' +
    '368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0f' +
    'M4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw';
  const key = createPublicKey({ key: { kty: 'RSA', n, e: 'AQAB' }, format: 'jwk' });
  expect((await publicJwkOf(key)).kid).toBe('NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs');
});

test('the JWKS holds the six public members of each key, in order, and nothing else', async () => {
  const leaky = { ...other.publicJwk, d: 'private', p: 'private', key_ops: ['sign'] };
  const { keys } = JSON.parse(renderJwks([pair.publicJwk, leaky]).body.toString());
  expect(keys).toEqual([pair.publicJwk, other.publicJwk]);
  for (const key of keys) {
    expect(Object.keys(key)).toEqual(['kty', 'use', 'kid', 'alg', 'n', 'e']);
    expect(key).toMatchObject({ kty: 'RSA', use: 'sig', alg: 'RS256', e: 'AQAB' });
  }
});

test('a token verifies from the JWKS with a library that nobody here wrote', async () => {
  const { privateKey, publicJwk } = other;
  const token = await new SignJWT({ sub: 'somebody' })
    .setProtectedHeader({ alg: 'RS256', kid: publicJwk.kid })
    .sign(readPrivateKey(privateKey));
  const verified = await jwtVerify(token, createLocalJWKSet(parsed([pair, other])));
  expect(verified.payload.sub).toBe('somebody');
  await expect(jwtVerify(token, createLocalJWKSet(parsed([pair])))).rejects.toThrow();
});

test('the entity tag is strong, and follows the body', () => {
  const tag = (keys: NewKeyPair[]) => renderJwks(keys.map(({ publicJwk }) => publicJwk)).etag;
  expect(tag([pair])).toMatch(/^"[\w-]{43}"$/);
  expect(tag([pair])).toBe(tag([pair]));
  expect(new Set([tag([pair]), tag([other]), tag([pair, other]), tag([other, pair])]).size).toBe(4);
});
