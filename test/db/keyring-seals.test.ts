import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rewrapCommand, rotateCommand } from '../../src/issuer/keys/commands.ts';
import {
  loadKeyEncryptionKeys,
  parseKeyEncryptionKey,
} from '../../src/issuer/keys/key-encryption-key.ts';
import { createKeyring } from '../../src/issuer/keys/keyring.ts';
import { createSealer } from '../../src/issuer/keys/sealing.ts';
import type { TransitionDeps } from '../../src/issuer/keys/transition.ts';
import { DRIVERS } from '../support/databases.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';

const FORCE = { force: true, ifDue: false, dryRun: false };

describe.each(DRIVERS)('a keyring that lacks a key-encryption key, on $name', (driver) => {
  let keyturn: TestKeyturn;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
  });
  afterAll(() => keyturn.close());

  test('signs with what it could not open once that is sealed under a key of its own', async () => {
    const { database, issuer } = keyturn.parts;
    if (!issuer) throw new Error('there is no issuer');
    const [own] = await loadKeyEncryptionKeys(keyturn.config.keyEncryptionKeys);
    if (!own) throw new Error('there is no key-encryption key');
    const other = parseKeyEncryptionKey(randomBytes(32).toString('base64url'), 'the test');
    /** Transitions of a process that seals under the last of these. */
    const by = (...keys: (typeof own)[]): TransitionDeps => ({
      ...issuer.transitions,
      sealer: createSealer(keys),
      keyEncryptionKeys: undefined,
    });
    const keyring = createKeyring({
      ...issuer.transitions,
      database,
      sealer: createSealer([own]),
      policy: keyturn.config.times,
      cores: 1,
    });
    await keyring.poll();

    await rewrapCommand(by(own, other));
    const { next } = await rotateCommand(by(own, other), FORCE);
    await keyring.poll();
    expect(keyring.canSign()).toBe(true);
    expect(keyring.troubles()).toEqual([`the key-encryption key ${other.id} is missing here`]);

    // Somebody has seen that, and goes back to the key that every replica has.
    await rewrapCommand(by(other, own));
    await keyring.poll();
    expect(keyring.troubles()).toEqual([]);
    expect((await rotateCommand(by(other, own), FORCE)).active).toBe(next);
    await keyring.poll();
    expect(keyring.troubles()).toEqual([]);
    expect(await keyring.sign('{}')).toMatch(/^[\w-]+\.e30\.[\w-]+$/);
  });
});
