import { createHmac, hkdfSync } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hkdfSha256, hmacSha256 } from '../../src/kit/hmac.ts';

/** Around a block of 64 bytes, where keys are hashed first, and anything else. */
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.uint8Array({ minLength: 63, maxLength: 66 }),
);

test('HMAC-SHA-256 is that of OpenSSL, for keys and data of any length', () => {
  fc.assert(
    fc.property(bytes, bytes, (key, data) => {
      expect(hmacSha256(key, data)).toEqual(createHmac('sha256', key).update(data).digest());
    }),
    { numRuns: 1000 },
  );
});

test('HMAC-SHA-256 gives what RFC 4231 says', () => {
  const given = hmacSha256(Buffer.from('Jefe'), Buffer.from('what do ya want for nothing?'));
  expect(given.toString('hex')).toBe(
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  );
});

test('HKDF-SHA-256 is that of OpenSSL, also without salt or info', () => {
  fc.assert(
    fc.property(bytes, bytes, bytes, (secret, salt, info) => {
      const expected = Buffer.from(hkdfSync('sha256', secret, salt, info, 32));
      expect(hkdfSha256(secret, salt, info)).toEqual(expected);
    }),
    { numRuns: 1000 },
  );
});

test('neither changes what it is given', () => {
  const [key, salt, data] = [Buffer.alloc(32, 1), Buffer.alloc(16, 2), Buffer.alloc(54, 3)];
  hmacSha256(key, data);
  hkdfSha256(key, salt, data);
  expect([key, salt, data]).toEqual([
    Buffer.alloc(32, 1),
    Buffer.alloc(16, 2),
    Buffer.alloc(54, 3),
  ]);
});
