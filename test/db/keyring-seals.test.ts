import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  listCommand,
  revokeCommand,
  rewrapCommand,
  rotateCommand,
} from '../../src/issuer/keys/commands.ts';
import {
  loadKeyEncryptionKeys,
  parseKeyEncryptionKey,
} from '../../src/issuer/keys/key-encryption-key.ts';
import { createKeyring, type KeyringDeps } from '../../src/issuer/keys/keyring.ts';
import { createSealer, type Sealer } from '../../src/issuer/keys/sealing.ts';
import type { TransitionDeps } from '../../src/issuer/keys/transition.ts';
import { manualClock } from '../../src/kit/clock.ts';
import { milliseconds, seconds } from '../../src/kit/duration.ts';
import { DRIVERS } from '../support/databases.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';

const FORCE = { force: true, ifDue: false, dryRun: false };

describe.each(DRIVERS)('a keyring on $name', (driver) => {
  let keyturn: TestKeyturn;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
  });
  afterAll(() => keyturn.close());

  const issuerOf = () => keyturn.parts.issuer ?? expect.fail('there is no issuer');
  const keyringOf = (sealer: Sealer, more: Partial<KeyringDeps> = {}) =>
    createKeyring({
      ...issuerOf().transitions,
      database: keyturn.database,
      sealer,
      policy: keyturn.config.times,
      cores: 1,
      ...more,
    });

  test('without a key-encryption key signs with what it could not open once that is sealed under a key of its own', async () => {
    const { transitions } = issuerOf();
    const [own] = await loadKeyEncryptionKeys(keyturn.config.keyEncryptionKeys);
    if (!own) throw new Error('there is no key-encryption key');
    const other = parseKeyEncryptionKey(randomBytes(32).toString('base64url'), 'the test');
    /** Transitions of a process that seals under the last of these. */
    const by = (...keys: (typeof own)[]): TransitionDeps => ({
      ...transitions,
      sealer: createSealer(keys),
      keyEncryptionKeys: undefined,
    });
    const keyring = keyringOf(createSealer([own]));
    await keyring.poll();

    await rewrapCommand(by(own, other));
    const { next } = await rotateCommand(by(own, other), FORCE);
    await keyring.poll();
    expect(keyring.canSign()).toBe(true);
    expect(keyring.troubles()).toEqual([`the key-encryption key ${other.id} is missing here`]);
    // What serves goes on; what starts does not.
    await expect(keyringOf(createSealer([own])).poll()).rejects.toThrow(other.id);

    // Somebody has seen that, and goes back to the key that every replica has.
    await rewrapCommand(by(other, own));
    await keyring.poll();
    expect(keyring.troubles()).toEqual([]);
    expect((await rotateCommand(by(other, own), FORCE)).active).toBe(next);
    await keyring.poll();
    expect(keyring.troubles()).toEqual([]);
    expect(await keyring.sign('{}')).toMatch(/^[\w-]+\.e30\.[\w-]+$/);
  });

  test('proves what it signs with while its lease holds', async () => {
    const clock = manualClock(keyturn.clock.now());
    const keyring = keyringOf(issuerOf().transitions.sealer, { clock });
    expect(await keyring.canaries(clock.now())).toEqual([]);
    await keyring.poll();
    const { keyLease } = keyturn.config.times;
    clock.advance(milliseconds(keyLease - 1));
    expect(keyring.canSign()).toBe(true);
    expect(await keyring.canaries(clock.now())).not.toEqual([]);
    clock.advance(milliseconds(1));
    expect(keyring.canSign()).toBe(false);
    expect(await keyring.canaries(clock.now())).toEqual([]);
  });

  test('signs longer tokens than before, also with a key that is to be retired', async () => {
    const policy = { ...keyturn.config.times, accessTokenTtl: seconds(2 * 3600) };
    const deps = { ...issuerOf().transitions, policy };
    const { active: stolen } = await listCommand(deps);
    // The key that is made here knows of the longer ones; that which signs until then does not.
    const revoked = { kid: stolen ?? undefined, immediately: false };
    const { keys, active } = await revokeCommand(deps, revoked);
    expect(keys.find(({ kid }) => kid === active)?.retired_at).not.toBeNull();
    const keyring = keyringOf(deps.sealer, { policy });
    await keyring.poll();
    expect(keyring.canSign()).toBe(true);
  });
});
