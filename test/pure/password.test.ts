import { readFile } from 'node:fs/promises';
import { brotliDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import {
  type CommonPasswords,
  loadCommonPasswords,
} from '../../src/issuer/users/common-passwords.ts';
import {
  checkNewPassword,
  MAX_PASSWORD_UNITS,
  normalisePassword,
  weakPassword,
} from '../../src/issuer/users/password.ts';
import { invalidRequest } from '../../src/kit/errors.ts';

let common: CommonPasswords;
beforeAll(async () => {
  common = await loadCommonPasswords();
});

const check = (password: string, minLength = 8) =>
  checkNewPassword(password, { minLength, common });

/** U+0344 is excluded from composition: NFC makes two code points of this one. */
const GROWS = '\u0344';
/** NFD of U+1F82: NFC makes one code point of these four. */
const SHRINKS = '\u03b1\u0313\u0300\u0345';

test('the list: ten thousand passwords and more, whatever their case', () => {
  expect(common.size).toBeGreaterThanOrEqual(10_000);
  for (const password of [
    'password',
    'PassWord',
    '12345678',
    'iloveyou',
    'qwertyuiop',
    'trustno1',
  ]) {
    expect(common.has(password), password).toBe(true);
  }
});

test('every line of the list is found, is eight characters or more, and stands there once', async () => {
  const file = new URL('../../src/issuer/users/common-passwords.txt.br', import.meta.url);
  const lines = brotliDecompressSync(await readFile(file))
    .toString()
    .split('\n');
  expect(lines.pop()).toBe('');
  expect(lines.length).toBe(common.size);
  expect(new Set(lines).size).toBe(lines.length);
  expect(lines.filter((line) => [...line].length < 8)).toEqual([]);
  expect(lines.filter((line) => !common.has(line) || !common.has(line.toUpperCase()))).toEqual([]);
});

test('what is not a whole line of the list is not on it', () => {
  const absent = ['', '\n', 'passwor', 'password\n', '\npassword', 'password ', ' password', '\0'];
  absent.push(
    '~~~~~~~~~~~~',
    '        ',
    'password\n12345678',
    'tr0ub4dor and three',
    'пароль-пароль',
  );
  for (const password of absent) expect(common.has(password), JSON.stringify(password)).toBe(false);
});

test('any common password is refused in any case; with a tail it is not', () => {
  const known = fc.constantFrom('baseball', 'superman', '1qaz2wsx', 'q1w2e3r4t5', 'corvette');
  fc.assert(
    fc.property(known, fc.array(fc.boolean(), { minLength: 12 }), (password, upper) => {
      const cased = [...password].map((c, i) => (upper[i] ? c.toUpperCase() : c)).join('');
      expect(() => check(cased)).toThrow(expect.objectContaining({ spec: weakPassword }));
      expect(() => check(`${cased}-zu7`)).not.toThrow();
    }),
  );
});

test.each([
  ...['aaaaaaaa', '00000000', '12121212', '123123123', 'abcabcab', 'ABCDABCD', '!!!!!!!!'],
  ...['987654321', '23456789', '1234567890', '0987654321', 'abcdefgh', 'ZYXWVUTS'],
])('a pattern that guessers begin with is refused: %s', (password) => {
  expect(() => check(password)).toThrow(expect.objectContaining({ spec: weakPassword }));
});

test.each([
  ...['aaaaaaab', 'abcdefgi', '98765432a', '13579248', 'abcabdabc', 'hgfedcbz', '        '],
  ...['abcdeabcde', 'a'.repeat(17), 'abcdefghijklmnopq', '\u00fc'.repeat(8)],
])('what only begins like one, or is long, is not: %s', (password) => {
  expect(() => check(password)).not.toThrow();
});

test('length counts code points after NFC, at both ends', () => {
  expect(() => check('🦉🦊🦔🐝🐢🐙🦋🐌')).not.toThrow();
  expect(() => check('🦉🦊🦔🐝🐢🐙🦋')).toThrow(expect.objectContaining({ spec: weakPassword }));
  expect(() => check(SHRINKS.repeat(8))).not.toThrow();
  expect(() => check(SHRINKS.repeat(7))).toThrow(expect.objectContaining({ spec: weakPassword }));
  expect(() => check('🦉'.repeat(128))).not.toThrow();
  expect(() => check('🦉'.repeat(129))).toThrow(expect.objectContaining({ spec: invalidRequest }));
  expect(() => check(SHRINKS.repeat(128))).not.toThrow();
  expect(() => check(SHRINKS.repeat(129))).toThrow(
    expect.objectContaining({ spec: invalidRequest }),
  );
  expect(() => check(GROWS.repeat(64))).not.toThrow();
  expect(() => check(GROWS.repeat(65))).toThrow(expect.objectContaining({ spec: invalidRequest }));
  expect(() => check('fourteen chars', 15)).toThrow(
    expect.objectContaining({ spec: weakPassword }),
  );
});

test('no permitted password is longer than MAX_PASSWORD_UNITS, however it is written', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
      const decomposed = text.normalize('NFD');
      expect(decomposed.length).toBeLessThanOrEqual([...text.normalize('NFC')].length * 8);
    }),
    { numRuns: 2000 },
  );
  const long = 'a\u0301'.repeat(MAX_PASSWORD_UNITS);
  expect(normalisePassword(long)).toBe(long);
  expect(() => check(long)).toThrow(expect.objectContaining({ spec: invalidRequest }));
});

test('a refusal names the field and says what to do', () => {
  expect(() => checkNewPassword('short', { minLength: 8, common })).toThrow(
    expect.objectContaining({
      extras: {
        detail: 'Choose a password of at least 8 characters.',
        fields: [{ path: 'password', message: 'Choose a password of at least 8 characters.' }],
      },
    }),
  );
  expect(() =>
    checkNewPassword('password', { minLength: 8, common, field: 'new_password' }),
  ).toThrow(
    expect.objectContaining({
      spec: weakPassword,
      extras: expect.objectContaining({
        fields: [{ path: 'new_password', message: expect.stringContaining('common') }],
      }),
    }),
  );
});
