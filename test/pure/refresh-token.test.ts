import { createHash, createHmac, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  firstRefreshToken,
  formatRefreshToken,
  hashRefreshToken,
  newSalt,
  type RefreshToken,
  readRefreshToken,
  successorOf,
} from '../../src/issuer/sessions/refresh-token.ts';
import { formatUuid, newUuid, type SessionId, uuidBytes } from '../../src/kit/id.ts';
import { PATIENCE, RUNS } from '../support/session-runs.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const MAX_GENERATION = 0xffff_ffff;

const bytes = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((array) => Buffer.from(array));
const generation = fc.integer({ min: 1, max: MAX_GENERATION });
const tokens: fc.Arbitrary<RefreshToken> = fc.record({
  sessionId: bytes(16).map((id) => formatUuid(id) as SessionId),
  generation,
  secret: bytes(32),
});
const keys = bytes(32);

const KEY = randomBytes(32);
const TOKEN: RefreshToken = {
  sessionId: newUuid(new Date('2026-01-01T00:00:00Z')) as SessionId,
  generation: 7,
  secret: randomBytes(32),
};
const TEXT = formatRefreshToken(TOKEN, KEY);
const rawOf = (text: string): Buffer => Buffer.from(text.slice(4), 'base64url');

const hmac = (data: Buffer, key: Buffer): Buffer => createHmac('sha256', key).update(data).digest();

function flipped(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

describe('a refresh token as text', () => {
  test('is read as what was written, for any token and key', { timeout: PATIENCE }, () => {
    fc.assert(
      fc.property(tokens, keys, (token, key) => {
        const text = formatRefreshToken(token, key);
        expect(text).toMatch(/^ktr_[\w-]{115}$/);
        expect(readRefreshToken(text, key)).toEqual(token);
      }),
      { numRuns: RUNS },
    );
  });

  test('is refused under any other key', { timeout: PATIENCE }, () => {
    fc.assert(
      fc.property(tokens, keys, keys, (token, key, other) => {
        fc.pre(!key.equals(other));
        expect(readRefreshToken(formatRefreshToken(token, key), other)).toBeUndefined();
      }),
      { numRuns: RUNS },
    );
    for (let bit = 0; bit < 256; bit++) {
      expect(readRefreshToken(TEXT, flipped(KEY, bit))).toBeUndefined();
    }
  });

  test('is refused with any one bit changed', () => {
    const raw = rawOf(TEXT);
    for (let bit = 0; bit < raw.length * 8; bit++) {
      const text = `ktr_${flipped(raw, bit).toString('base64url')}`;
      expect(readRefreshToken(text, KEY), `bit ${bit}`).toBeUndefined();
    }
  });

  test('is refused with any one character replaced, removed, doubled or added', () => {
    expect(readRefreshToken(TEXT, KEY)).toEqual(TOKEN);
    for (let at = 0; at <= TEXT.length; at++) {
      const [head, tail] = [TEXT.slice(0, at), TEXT.slice(at + 1)];
      for (const sign of `${ALPHABET}+/=. \n\0é😀`) {
        if (sign !== TEXT[at]) expect(readRefreshToken(head + sign + tail, KEY)).toBeUndefined();
        expect(readRefreshToken(head + sign + TEXT.slice(at), KEY)).toBeUndefined();
      }
      if (at < TEXT.length) expect(readRefreshToken(head + tail, KEY)).toBeUndefined();
    }
  });

  test('is refused in base64url that is not canonical, though it decodes to the same', () => {
    const raw = rawOf(TEXT);
    const twins = [...ALPHABET]
      .map((sign) => TEXT.slice(0, -1) + sign)
      .filter((text) => text !== TEXT && rawOf(text).equals(raw));
    // 86 bytes leave two bits of the last character without a meaning.
    expect(twins).toHaveLength(3);
    for (const text of [...twins, `${TEXT}=`, `${TEXT}==`, `ktr_${raw.toString('base64')}`]) {
      expect(readRefreshToken(text, KEY)).toBeUndefined();
    }
  });

  test('is refused when it is of another version or tag key, tagged as it may be', () => {
    const raw = rawOf(TEXT);
    for (const at of [0, 1]) {
      for (const value of [0, 2, 255]) {
        const body = Buffer.from(raw.subarray(0, raw.length - 32));
        body[at] = value;
        const tag = hmac(body, KEY);
        const text = `ktr_${Buffer.concat([body, tag]).toString('base64url')}`;
        expect(readRefreshToken(text, KEY)).toBeUndefined();
      }
    }
  });

  test('is refused when it is anything else', { timeout: PATIENCE }, () => {
    const shaped = bytes(84).map((rest) => Buffer.concat([Buffer.of(1, 1), rest]));
    const texts = fc.oneof(
      fc.string(),
      bytes(119).map((raw) => `ktr_${raw.toString('latin1').slice(4)}`),
      shaped.map((raw) => `ktr_${raw.toString('base64url')}`),
    );
    fc.assert(
      fc.property(texts, (text) => {
        expect(readRefreshToken(text, KEY)).toBeUndefined();
      }),
      { numRuns: RUNS },
    );
  });

  test('does not show its session’s id', { timeout: PATIENCE }, () => {
    fc.assert(
      fc.property(tokens, keys, (token, key) => {
        const text = formatRefreshToken(token, key);
        const hex = token.sessionId.replaceAll('-', '');
        for (const id of [token.sessionId, hex, hex.toUpperCase()]) expect(text).not.toContain(id);
      }),
      { numRuns: RUNS },
    );
  });
});

/** The token with any one bit of its id, generation or secret changed. */
const changedTokens = fc
  .record({ token: tokens, bit: fc.nat((16 + 4 + 32) * 8 - 1) })
  .map(({ token, bit }) => ({ token, other: read(flipped(inputOf(token), bit)) }));

const read = (input: Buffer): RefreshToken => ({
  sessionId: formatUuid(input.subarray(0, 16)) as SessionId,
  generation: input.readUInt32BE(16),
  secret: input.subarray(20),
});

const wordOf = (generation: number): Buffer => {
  const word = Buffer.alloc(4);
  word.writeUInt32BE(generation);
  return word;
};

const inputOf = (token: RefreshToken): Buffer =>
  Buffer.concat([uuidBytes(token.sessionId), wordOf(token.generation), token.secret]);

describe('the hash that the database keeps', () => {
  test('is SHA-256 over id, generation and secret', { timeout: PATIENCE }, () => {
    fc.assert(
      fc.property(tokens, (token) => {
        const expected = createHash('sha256').update(inputOf(token)).digest();
        expect(hashRefreshToken(token)).toEqual(expected);
      }),
      { numRuns: RUNS },
    );
  });

  test('is another one when any bit of these is', { timeout: PATIENCE }, () => {
    fc.assert(
      fc.property(changedTokens, ({ token, other }) => {
        expect(hashRefreshToken(other)).not.toEqual(hashRefreshToken(token));
      }),
      { numRuns: RUNS },
    );
  });

  test('does not depend on the tag: a new tag key keeps every session', {
    timeout: PATIENCE,
  }, () => {
    fc.assert(
      fc.property(tokens, keys, keys, (token, key, newKey) => {
        const [a, b] = [key, newKey].map((k) => readRefreshToken(formatRefreshToken(token, k), k));
        if (!a || !b) throw new Error('a token of its own key was refused');
        expect(hashRefreshToken(a)).toEqual(hashRefreshToken(b));
        expect(hashRefreshToken(a)).toEqual(hashRefreshToken(token));
      }),
      { numRuns: RUNS },
    );
  });
});

describe('a successor', () => {
  const salts = bytes(16);

  test('is HKDF-SHA-256 of the secret, by salt, session and generation', {
    timeout: PATIENCE,
  }, () => {
    fc.assert(
      fc.property(tokens, salts, generation, (token, salt, generation) => {
        const successor = successorOf(token, salt, generation);
        // RFC 5869: extract, and one block of expand.
        const info = Buffer.concat([uuidBytes(token.sessionId), wordOf(generation)]);
        const secret = hmac(Buffer.concat([info, Buffer.of(1)]), hmac(token.secret, salt));
        expect(successor).toEqual({ sessionId: token.sessionId, generation, secret });
        expect(successorOf(token, salt, generation)).toEqual(successor);
      }),
      { numRuns: RUNS },
    );
  });

  test('is another one for another secret, session, salt or generation', {
    timeout: PATIENCE,
  }, () => {
    const bits = fc.record({ id: fc.nat(127), secret: fc.nat(255), salt: fc.nat(127) });
    fc.assert(
      fc.property(tokens, salts, fc.nat(MAX_GENERATION - 1), bits, (token, salt, next, bit) => {
        const { sessionId, secret } = token;
        const id = formatUuid(flipped(uuidBytes(sessionId), bit.id)) as SessionId;
        const secrets = [
          successorOf(token, salt, next),
          successorOf({ ...token, sessionId: id }, salt, next),
          successorOf({ ...token, secret: flipped(secret, bit.secret) }, salt, next),
          successorOf(token, flipped(salt, bit.salt), next),
          successorOf(token, salt, next + 1),
        ].map((successor) => successor.secret.toString('hex'));
        expect(new Set([...secrets, secret.toString('hex')]).size).toBe(6);
      }),
      { numRuns: RUNS },
    );
  });

  test('is unlike any other: first secrets and salts are random', () => {
    const { sessionId } = TOKEN;
    const many = Array.from({ length: 100 }, () => firstRefreshToken(sessionId));
    expect(new Set(many.map(({ secret }) => secret.toString('hex'))).size).toBe(100);
    expect(new Set(Array.from({ length: 100 }, () => newSalt().toString('hex'))).size).toBe(100);
    expect(many[0]).toMatchObject({ sessionId, generation: 1 });
    expect(many[0]?.secret).toHaveLength(32);
    expect(newSalt()).toHaveLength(16);
  });
});
