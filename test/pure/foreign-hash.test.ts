import { randomBytes, scryptSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PasswordHash } from '../../src/issuer/users/argon2-hash.ts';
import { createHasher } from '../../src/issuer/users/hasher.ts';
import { readStoredHash } from '../../src/issuer/users/stored-hash.ts';
import { systemClock } from '../../src/kit/clock.ts';
import { unavailable } from '../../src/kit/errors.ts';
import { createGate } from '../../src/kit/gate.ts';
import { foreignHashes } from '../support/foreign-hashes.ts';

const argon2 = { memory: 64, time: 1, parallelism: 1 };
const gate = createGate({ concurrency: 2, queueLimit: 1000, clock: systemClock() });

async function hasherWith(options: Partial<Parameters<typeof createHasher>[0]> = {}) {
  const reports: string[] = [];
  const onUnreadable = (message: string) => reports.push(message);
  return { reports, hasher: await createHasher({ argon2, gate, onUnreadable, ...options }) };
}

describe('hashes that other tools have made', () => {
  test.each(foreignHashes)('$of: the right password, to be remade; any other not', async (made) => {
    const { hasher, reports } = await hasherWith();
    const hash = made.hash as PasswordHash;
    expect(await hasher.verify(hash, made.password)).toEqual({ ok: true, rehash: true });
    for (const wrong of [`${made.password.slice(0, -1)}!`, made.password.toUpperCase(), '']) {
      expect(await hasher.verify(hash, wrong), wrong).toEqual({ ok: false, rehash: false });
    }
    expect(reports).toEqual([]);
  });

  test.each(foreignHashes)('$of: one character changed makes another hash', async (made) => {
    const { hasher } = await hasherWith();
    const at = made.hash.length - 12;
    const other = made.hash[at] === 'a' ? 'b' : 'a';
    const changed = made.hash.slice(0, at) + other + made.hash.slice(at + 1);
    expect(typeof readStoredHash(changed)).toBe('object');
    expect((await hasher.verify(changed as PasswordHash, made.password)).ok).toBe(false);
  });
});

test('bcrypt takes 72 bytes, as it did where the hash was made', async () => {
  const { hasher } = await hasherWith();
  // crypt.crypt('x' * 72 + 'tail', '$2a$04$CCCCCCCCCCCCCCCCCCCCC.')
  const hash = '$2a$04$CCCCCCCCCCCCCCCCCCCCC.ug0A3dTXhy5U.dFjx/qguZ8I4CB77BC' as PasswordHash;
  expect((await hasher.verify(hash, `${'x'.repeat(72)}tail`)).ok).toBe(true);
  expect((await hasher.verify(hash, `${'x'.repeat(72)}other`)).ok).toBe(true);
  expect((await hasher.verify(hash, 'x'.repeat(71))).ok).toBe(false);
  // Which of them was set nobody knows: a hash made of the wrong one would shut out the right one.
  for (const text of ['x'.repeat(72), `${'x'.repeat(72)}tail`, `${'x'.repeat(70)}é`]) {
    expect((await hasher.verify(hash, text)).rehash).toBe(false);
  }
});

test("Better Auth's hashes are of the NFKC form; the others of the text as it came", async () => {
  const { hasher } = await hasherWith();
  const hashOf = (of: string) => foreignHashes.find((made) => made.of === of)?.hash as PasswordHash;
  for (const same of ['pässword ①', 'pässword 1', 'pässword 1'.normalize('NFD')]) {
    expect(await hasher.verify(hashOf('Better Auth'), same)).toEqual({
      ok: true,
      // Others type what was set, and are not to be shut out by one who types what is like it.
      rehash: !same.includes('①'),
    });
  }
  for (const of of ['bcrypt $2b$', 'scrypt, PHC', 'PBKDF2, Django']) {
    expect((await hasher.verify(hashOf(of), 'pässword 1')).ok).toBe(true);
    expect((await hasher.verify(hashOf(of), 'pässword ①')).ok).toBe(false);
    expect((await hasher.verify(hashOf(of), 'pässword 1'.normalize('NFD'))).ok).toBe(false);
  }
});

test('any password that Better Auth hashes is right here, and no other', async () => {
  const { hasher } = await hasherWith();
  const text = fc.string({ unit: 'grapheme', maxLength: 40 });
  const hashed = (password: string) => {
    const salt = randomBytes(16).toString('hex');
    const cost = { N: 16384, r: 16, p: 1, maxmem: 128 * 16384 * 16 * 2 };
    return `${salt}:${scryptSync(password.normalize('NFKC'), salt, 64, cost).toString('hex')}`;
  };
  await fc.assert(
    fc.asyncProperty(text, text, async (password, other) => {
      const hash = hashed(password) as PasswordHash;
      expect((await hasher.verify(hash, password)).ok).toBe(true);
      const same = other.normalize('NFKC') === password.normalize('NFKC');
      expect((await hasher.verify(hash, other)).ok).toBe(same);
    }),
    { numRuns: 8 },
  );
});

const SALT = 'c2l4dGVlbiBieXRlIHNhbHQ';
const DIGEST = 'ohiPLkFhX1Xa74nn5ISpdDy2vgj2tdJktAcX7m6vLDc';
const BCRYPT = 'N9qo8uLOickgx2ZMRZoMyePq55Kn1/sSVYm0Zf1.tdtUzxQ/2Kj5W';
const scryptAt = (cost: string) => `$scrypt$${cost}$${SALT}$${DIGEST}`;

test.each([
  [`$2b$14$${BCRYPT}`, `$2b$15$${BCRYPT}`],
  [scryptAt('ln=19,r=8,p=1'), scryptAt('ln=20,r=8,p=1')],
  [scryptAt('ln=15,r=8,p=16'), scryptAt('ln=15,r=8,p=17')],
  [scryptAt('ln=15,r=128,p=1'), scryptAt('ln=15,r=129,p=1')],
  [`$pbkdf2-sha256$i=5000000$${SALT}$${DIGEST}`, `$pbkdf2-sha256$i=5000001$${SALT}$${DIGEST}`],
  [`$pbkdf2-sha1$i=2500000$${SALT}$${DIGEST}`, `$pbkdf2-sha1$i=2500001$${SALT}$${DIGEST}`],
  [`pbkdf2_sha256$5000000$saltsalt$${DIGEST}=`, `pbkdf2_sha256$5000001$saltsalt$${DIGEST}=`],
])('%s can be checked, %s costs too much', async (bearable, dear) => {
  expect(typeof readStoredHash(bearable)).toBe('object');
  expect(readStoredHash(dear)).toContain('costs too much');
  const { hasher, reports } = await hasherWith();
  // At once: were it computed, this would take seconds or fail for want of memory.
  expect(await hasher.verify(dear as PasswordHash, 'x')).toEqual({ ok: false, rehash: false });
  expect(reports).toEqual([expect.stringMatching(/^A stored password hash costs too much/)]);
  for (const report of reports) expect(report).not.toContain(SALT);
});

test.each([
  // bcrypt: the flawed variants, costs out of range, a short one, a long one, another alphabet
  `$2x$10$${BCRYPT}`,
  `$2$10$${BCRYPT}`,
  `$2b$03$${BCRYPT}`,
  `$2b$32$${BCRYPT}`,
  `$2b$9$${BCRYPT}`,
  `$2b$10$${BCRYPT.slice(1)}`,
  `$2b$10$${BCRYPT}x`,
  `$2b$10$${BCRYPT.slice(1)}+`,
  // scrypt: parameters out of range, salt or digest too short, base64 that is not canonical
  scryptAt('ln=0,r=8,p=1'),
  scryptAt('ln=16,r=1,p=1'),
  scryptAt('ln=14,r=0,p=1'),
  scryptAt('ln=14,r=8,p=0'),
  scryptAt('ln=100,r=8,p=1'),
  scryptAt('r=8,p=1,ln=14'),
  `$scrypt$ln=14,r=8,p=1$c2FsdA$${DIGEST}`,
  `$scrypt$ln=14,r=8,p=1$${SALT}$${DIGEST.slice(0, 20)}`,
  `$scrypt$ln=14,r=8,p=1$${SALT}$${DIGEST.slice(0, -1)}d`,
  `${'0'.repeat(32)}:${'0'.repeat(127)}`,
  `${'0'.repeat(31)}:${'0'.repeat(128)}`,
  `${'0'.repeat(32)}:${'F'.repeat(128)}`,
  // PBKDF2: no iterations, an unknown function, a length that is not the digest's
  `$pbkdf2-sha256$i=0$${SALT}$${DIGEST}`,
  `$pbkdf2-md5$i=1000$${SALT}$${DIGEST}`,
  `$pbkdf2-sha256$i=1000,l=31$${SALT}$${DIGEST}`,
  `$pbkdf2-sha256$i=1000$c2FsdA$${DIGEST}`,
  `$pbkdf2-sha256$i=1000$${SALT}$${DIGEST.slice(0, 20)}`,
  'pbkdf2_sha256$1000$saltsalt$',
  `pbkdf2_md5$1000$saltsalt$${DIGEST}=`,
  `pbkdf2_sha256$-1$saltsalt$${DIGEST}=`,
  // none of them
  '5f4dcc3b5aa765d61d8327deb882cf99',
  'password',
  '$1$salt$hash',
  '',
  '!',
])('%s cannot be used', async (text) => {
  expect(readStoredHash(text)).toMatch(/^is (malformed for|of an unknown scheme)/);
});

test('they go through the gate as well, and free the main thread', async () => {
  const full = createGate({ concurrency: 1, queueLimit: 0, clock: systemClock() });
  const { hasher } = await hasherWith({ gate: full });
  const held = Promise.withResolvers<void>();
  const holding = full.run(() => held.promise);
  for (const { hash, password } of foreignHashes) {
    await expect(hasher.verify(hash as PasswordHash, password)).rejects.toMatchObject({
      spec: unavailable,
    });
  }
  held.resolve();
  await holding;
  let turns = 0;
  let done = false;
  const counted = (async () => {
    while (!done) {
      await new Promise((resolve) => setImmediate(resolve));
      turns += 1;
    }
  })();
  const slow = `$2b$10$${BCRYPT}` as PasswordHash;
  expect((await hasher.verify(slow, 'pässword 1')).ok).toBe(true);
  done = true;
  await counted;
  expect(turns).toBeGreaterThan(10);
});
