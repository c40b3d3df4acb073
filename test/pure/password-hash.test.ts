import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type Argon2,
  type Argon2Task,
  fastestArgon2,
  loadArgon2,
} from '../../src/issuer/users/argon2.ts';
import { type PasswordHash, parseArgon2Hash } from '../../src/issuer/users/argon2-hash.ts';
import { createHasher, type HasherOptions } from '../../src/issuer/users/hasher.ts';
import { systemClock } from '../../src/kit/clock.ts';
import { unavailable } from '../../src/kit/errors.ts';
import { createGate } from '../../src/kit/gate.ts';

const CHEAP = { memory: 64, time: 1, parallelism: 1 };
const gate = createGate({ concurrency: 2, queueLimit: 1000, clock: systemClock() });

/** A hasher, with what it reported and the variants it was made to compute. */
async function hasherWith(options: Partial<HasherOptions> = {}) {
  const reports: string[] = [];
  const computed: Argon2Task[] = [];
  const real = options.library ?? (await fastestArgon2());
  const library: Argon2 = {
    name: real.name,
    derive(tasks) {
      computed.push(...tasks);
      return real.derive(tasks);
    },
  };
  const onUnreadable = (message: string) => reports.push(message);
  const hasher = await createHasher({ argon2: CHEAP, gate, onUnreadable, ...options, library });
  return { hasher, reports, computed };
}

const [fast, slow] = await Promise.all([loadArgon2('@node-rs/argon2'), loadArgon2('argon2')]);

test('the two packages write the same text and read each other', async () => {
  const passwords = ['correct horse', '', 'nul \0 inside', 'Käse 🧀', 'x'.repeat(5000)];
  for (const cost of [CHEAP, { memory: 256, time: 3, parallelism: 2 }]) {
    const one = (await hasherWith({ library: fast, argon2: cost })).hasher;
    const other = (await hasherWith({ library: slow, argon2: cost })).hasher;
    for (const [maker, reader] of [[one, other] as const, [other, one] as const]) {
      for (const password of passwords) {
        const hash = await maker.hash(password);
        const header = `$argon2id$v=19$m=${cost.memory},t=${cost.time},p=${cost.parallelism}$`;
        expect(hash.startsWith(header)).toBe(true);
        expect(await reader.verify(hash, password)).toEqual({ ok: true, rehash: false });
        expect(await reader.verify(hash, `${password}!`)).toEqual({ ok: false, rehash: false });
      }
    }
  }
});

test('the two packages agree on every type, version and length', async () => {
  const salt = Buffer.from('0123456789abcdef');
  for (const type of ['argon2d', 'argon2i', 'argon2id'] as const) {
    for (const version of [0x10, 0x13]) {
      const variant = { type, version, memory: 64, time: 2, parallelism: 2 };
      const tasks = ['secret', 'another'].map((text, i) => {
        return { password: Buffer.from(text), salt, variant, length: 24 + i };
      });
      const digests = await fast.derive(tasks);
      expect(digests.map(({ length }) => length)).toEqual([24, 25]);
      expect(await slow.derive(tasks)).toEqual(digests);
    }
  }
});

test('hashes that the packages write by themselves are read, whatever order their parameters have', async () => {
  const { hasher } = await hasherWith({ argon2: { memory: 64, time: 2, parallelism: 1 } });
  const { hash: npmHash } = await import('argon2');
  const { hash: rustHash } = await import('@node-rs/argon2');
  const cost = { memoryCost: 64, timeCost: 2, parallelism: 1 };
  for (const text of [await npmHash('secret', cost), await rustHash('secret', cost)]) {
    expect(await hasher.verify(text as PasswordHash, 'secret')).toEqual({
      ok: true,
      rehash: false,
    });
  }
});

test('hashes of the reference implementation are read', async () => {
  const { hasher, reports } = await hasherWith();
  // From phc-winner-argon2's src/test.c; all three are of "password".
  const known = [
    '$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ',
    '$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA',
    '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
  ];
  for (const text of known) {
    expect(await hasher.verify(text as PasswordHash, 'password')).toEqual({
      ok: true,
      rehash: true,
    });
    expect(await hasher.verify(text as PasswordHash, 'Password')).toEqual({
      ok: false,
      rehash: false,
    });
  }
  expect(reports).toEqual([]);
});

test('the other package steps in where the faster is not installed', async () => {
  const absent = (name: Parameters<typeof loadArgon2>[0]) =>
    name === 'argon2' ? loadArgon2(name) : Promise.reject(new Error('Cannot find package'));
  expect((await fastestArgon2(absent)).name).toBe('argon2');
  expect((await fastestArgon2()).name).toBe('@node-rs/argon2');
});

test('a hash made in another way is remade, once its password was right', async () => {
  const today = { memory: 128, time: 2, parallelism: 2 };
  const { hasher } = await hasherWith({ argon2: today });
  const changes = [{ memory: 64 }, { memory: 256 }, { time: 1 }, { time: 3 }, { parallelism: 1 }];
  for (const change of changes) {
    const old = (await hasherWith({ argon2: { ...today, ...change } })).hasher;
    const hash = await old.hash('right');
    expect(await hasher.verify(hash, 'right')).toEqual({ ok: true, rehash: true });
    expect(await hasher.verify(hash, 'wrong')).toEqual({ ok: false, rehash: false });
  }
});

test('an unknown user takes the same work, and no password is right', async () => {
  const { hasher, computed, reports } = await hasherWith();
  const hash = await hasher.hash('right');
  computed.length = 0;
  await hasher.verify(hash, 'wrong');
  const work = ({ variant, length }: Argon2Task) =>
    [
      variant.type,
      variant.version,
      variant.memory,
      variant.time,
      variant.parallelism,
      length,
    ].join();
  for (const password of ['wrong', 'right', '']) {
    expect(await hasher.verify(undefined, password)).toEqual({ ok: false, rehash: false });
  }
  expect(computed).toHaveLength(4);
  expect(new Set(computed.map(work)).size).toBe(1);
  expect(reports).toEqual([]);
});

test('a stored hash that cannot be read or afforded: same work, not right, reported without its text', async () => {
  const { hasher, computed, reports } = await hasherWith();
  const good = await hasher.hash('right');
  const [salt = '', digest = ''] = good.split('$').slice(-2);
  const variant = (m: number, t: number, p: number) =>
    `$argon2id$v=19$m=${m},t=${t},p=${p}$${salt}$${digest}`;
  const bad = [
    '',
    'right',
    `$bcrypt$${digest}`,
    `${good}=`,
    good.replace('v=19', 'v=18'),
    good.replace('m=64', 'm=64,m=64'),
    good.replace('m=64', 'x=64'),
    good.replace('t=1', 't=01234567890'),
    good.replace(`$${salt}$`, '$AAAA$'),
    good.replace(digest, digest.slice(0, 20)),
    `${good.slice(0, -1)}${good.endsWith('B') ? 'C' : 'B'}`,
    variant(64, 0, 1),
    variant(64, 1, 0),
    variant(7, 1, 1),
    variant(4294967295, 1, 1),
    variant(1024 * 1024, 5, 1),
    variant(64, 100_000_000, 1),
    variant(4096, 1, 17),
  ];
  computed.length = 0;
  for (const text of bad) {
    expect(await hasher.verify(text as PasswordHash, 'right'), text).toEqual({
      ok: false,
      rehash: false,
    });
  }
  expect(reports).toHaveLength(bad.length);
  expect(computed).toHaveLength(bad.length);
  for (const report of reports) expect(report).not.toContain(digest.slice(0, 10));
  for (const { variant } of computed) expect([variant.memory, variant.time]).toEqual([64, 1]);
});

test('passwords that wait are hashed in a row, each with its own digest, and a dear one alone', async () => {
  const rows: number[][] = [];
  const library: Argon2 = {
    name: fast.name,
    derive(tasks) {
      rows.push(tasks.map(({ variant }) => variant.memory));
      return fast.derive(tasks);
    },
  };
  const narrow = createGate({ concurrency: 1, queueLimit: 100, clock: systemClock() });
  const onUnreadable = () => {};
  const hasher = await createHasher({ argon2: CHEAP, gate: narrow, onUnreadable, library });
  const dear = await (await hasherWith({ argon2: { ...CHEAP, memory: 65 } })).hasher.hash('dear');
  const cheap = await (await hasherWith({ argon2: { ...CHEAP, memory: 32 } })).hasher.hash('cheap');
  const passwords = ['one', 'two', 'three', 'four', 'five', 'six'];
  const hashes = await Promise.all(passwords.map((password) => hasher.hash(password)));
  expect(rows.map((row) => row.length)).toEqual([1, 4, 1]);
  rows.length = 0;
  const verified = await Promise.all([
    hasher.verify(hashes[0], 'one'),
    // Nobody can tell by a row who has an account.
    hasher.verify(undefined, 'nobody'),
    hasher.verify('unreadable' as PasswordHash, 'nobody'),
    hasher.verify(hashes[1], 'two'),
    hasher.verify(hashes[2], 'three'),
    hasher.verify(hashes[3], 'four'),
    hasher.verify(dear, 'dear'),
    hasher.verify(cheap, 'cheap'),
    hasher.verify(hashes[0], 'two'),
  ]);
  const right = [true, false, false, true, true, true, true, true, false];
  expect(verified.map(({ ok }) => ok)).toEqual(right);
  expect(rows).toEqual([[64], [64, 64, 64, 64], [64], [65], [32, 64]]);
});

test('a password is one however its characters are composed, and never cut off', async () => {
  const { hasher } = await hasherWith();
  const hash = await hasher.hash('Schlüssel'.normalize('NFD'));
  expect((await hasher.verify(hash, 'Schlüssel'.normalize('NFC'))).ok).toBe(true);
  const long = await hasher.hash(`${'a'.repeat(128)}b`);
  expect((await hasher.verify(long, 'a'.repeat(128))).ok).toBe(false);
  const withNul = await hasher.hash('a\0b');
  expect((await hasher.verify(withNul, 'a\0c')).ok).toBe(false);
});

test('any text can be hashed and is then right; any other is wrong', async () => {
  const { hasher } = await hasherWith();
  const text = fc.string({ unit: 'binary', maxLength: 200 });
  await fc.assert(
    fc.asyncProperty(text, text, async (password, other) => {
      const hash = await hasher.hash(password);
      expect(parseArgon2Hash(hash)).toMatchObject({ type: 'argon2id', version: 19, ...CHEAP });
      expect((await hasher.verify(hash, password)).ok).toBe(true);
      const same = other.normalize('NFC') === password.normalize('NFC');
      expect((await hasher.verify(hash, other)).ok).toBe(same);
    }),
  );
  const loneSurrogate = await hasher.hash('\ud800 alone');
  expect((await hasher.verify(loneSurrogate, '\ud800 alone')).ok).toBe(true);
});

test('two hashes of one password share no salt', async () => {
  const { hasher } = await hasherWith();
  const salts = await Promise.all(Array.from({ length: 20 }, () => hasher.hash('same')));
  expect(new Set(salts.map((hash) => hash.split('$')[4])).size).toBe(20);
});

test('everything goes through the gate, for unknown users too', async () => {
  const full = createGate({ concurrency: 1, queueLimit: 0, clock: systemClock() });
  const { hasher } = await hasherWith({ gate: full });
  const hash = await hasher.hash('right');
  const held = Promise.withResolvers<void>();
  const holding = full.run(() => held.promise);
  for (const call of [
    hasher.hash('right'),
    hasher.verify(hash, 'right'),
    hasher.verify(undefined, 'right'),
    hasher.verify('broken' as PasswordHash, 'right'),
  ]) {
    await expect(call).rejects.toMatchObject({ spec: unavailable });
  }
  held.resolve();
  await holding;
  expect((await hasher.verify(hash, 'right')).ok).toBe(true);
});

test('a cost that Argon2 does not know, or that no stored hash may have, stops the start', async () => {
  for (const change of [
    { memory: 7 },
    { time: 0 },
    { parallelism: 0 },
    { memory: 1024 * 1024 + 1 },
  ]) {
    await expect(hasherWith({ argon2: { ...CHEAP, ...change } })).rejects.toThrow(RangeError);
  }
});
