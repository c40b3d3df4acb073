import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { CompactEncrypt } from 'jose';
import { describe, expect, test } from 'vitest';
import { KeyTrouble } from '../../src/issuer/keys/errors.ts';
import {
  type KeyEncryptionKey,
  parseKeyEncryptionKey,
} from '../../src/issuer/keys/key-encryption-key.ts';
import { createSealer } from '../../src/issuer/keys/sealing.ts';

const newKey = (): KeyEncryptionKey =>
  parseKeyEncryptionKey(randomBytes(32).toString('base64url'), 'a test');
const [oldKey, key] = [newKey(), newKey()];
const sealer = createSealer([oldKey, key]);
const header = (sealed: string) =>
  JSON.parse(Buffer.from(sealed.split('.')[0] ?? '', 'base64url').toString());

test('what was sealed opens, and is a JWE under the last key', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array(), fc.string({ unit: 'grapheme' }), async (bytes, purpose) => {
      const sealed = await sealer.seal(bytes, purpose);
      expect(header(sealed)).toEqual({ alg: 'dir', enc: 'A256GCM', kid: key.id, purpose });
      expect(sealed.split('.')).toHaveLength(5);
      expect(new Uint8Array(await sealer.open(sealed, purpose))).toEqual(bytes);
    }),
  );
});

test('the same text is never sealed the same way twice', async () => {
  const bytes = Buffer.from('again');
  expect(await sealer.seal(bytes, 'p')).not.toBe(await sealer.seal(bytes, 'p'));
});

test('an older key still opens, and no longer seals', async () => {
  const sealed = await createSealer([oldKey]).seal(Buffer.from('old'), 'p');
  expect(String(await sealer.open(sealed, 'p'))).toBe('old');
  expect(header(await sealer.seal(Buffer.from('new'), 'p')).kid).toBe(key.id);
});

test('no key seals nothing', async () => {
  await expect(createSealer([]).seal(Buffer.from('x'), 'p')).rejects.toThrow(KeyTrouble);
});

describe('opening is refused', () => {
  test('without the key that sealed it, which is named with what is there', async () => {
    const sealed = await sealer.seal(Buffer.from('x'), 'signing key 1');
    const other = createSealer([oldKey]).open(sealed, 'signing key 1');
    await expect(other).rejects.toThrow(KeyTrouble);
    await expect(other).rejects.toThrow(
      `signing key 1 sealed under the key-encryption key ${key.id}, ` +
        `which is not among those given (${oldKey.id} from a test)`,
    );
    await expect(createSealer([]).open(sealed, 'p')).rejects.toThrow('(none)');
  });

  test('for another purpose: sealed things cannot change places', async () => {
    const sealed = await sealer.seal(Buffer.from('x'), 'signing key 1');
    await expect(sealer.open(sealed, 'signing key 2')).rejects.toThrow(KeyTrouble);
  });

  test('when any part was altered, the purpose in the header too', async () => {
    const sealed = await sealer.seal(randomBytes(32), 'signing key 1');
    const [, ...rest] = sealed.split('.');
    const renamed = { ...header(sealed), purpose: 'signing key 2' };
    const forged = [Buffer.from(JSON.stringify(renamed)).toString('base64url'), ...rest].join('.');
    await expect(sealer.open(forged, 'signing key 2')).rejects.toThrow(/altered/);
    for (const part of [2, 3, 4]) {
      const parts = sealed.split('.');
      const bytes = Buffer.from(parts[part] ?? '', 'base64url');
      bytes[0] = (bytes[0] ?? 0) ^ 1;
      parts[part] = bytes.toString('base64url');
      await expect(sealer.open(parts.join('.'), 'signing key 1')).rejects.toThrow(/altered/);
    }
  });

  test.each(['', 'x', 'a.b.c.d.e', '....'])('for %j, which is no JWE', async (text) => {
    await expect(sealer.open(text, 'p')).rejects.toThrow(KeyTrouble);
  });

  test('for an algorithm that is not ours', async () => {
    const short = await new CompactEncrypt(Buffer.from('x'))
      .setProtectedHeader({ alg: 'A256GCMKW', enc: 'A256GCM', kid: key.id, purpose: 'p' })
      .encrypt(key.bytes);
    await expect(sealer.open(short, 'p')).rejects.toThrow(KeyTrouble);
  });
});
