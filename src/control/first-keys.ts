import type { Config } from '../config.ts';
import { bootstrapKeys } from '../issuer/keys/bootstrap.ts';
import { requireKeys } from '../issuer/keys/commands.ts';
import { openHighWaterMark } from '../issuer/keys/high-water.ts';
import { loadKeyEncryptionKeys } from '../issuer/keys/key-encryption-key.ts';
import { listKeys } from '../issuer/keys/store.ts';
import type { TransitionDeps } from '../issuer/keys/transition.ts';
import { anyUsers } from '../issuer/users/store.ts';
import type { Logger } from '../kit/log.ts';

/**
 * Makes the first keys as a first start does, where there are none: so users can come before it,
 * whom a start without keys would take for damage. The key-encryption key has to be there where
 * others reach the database: one that was made here would be missing where the server runs.
 * @throws KeyCommandRefused where it is not; KeyTrouble when an operator has to help
 */
export async function makeFirstKeys(
  config: Config,
  log: Logger,
  given: Pick<TransitionDeps, 'database' | 'clock' | 'trail'>,
): Promise<void> {
  const { db } = given.database;
  if ((await listKeys(db)).length > 0) return;
  const source = config.keyEncryptionKeys;
  const alone = config.database.url === undefined;
  if (!alone && !config.production && (await loadKeyEncryptionKeys(source)).length === 0) {
    return requireKeys(db);
  }
  await bootstrapKeys({
    ...given,
    policy: config.times,
    keyBits: config.keyBits,
    source,
    mayMakeKeys: !config.production,
    anyUsers: () => anyUsers(db),
    highWater: await openHighWaterMark(config.dataDir, log),
  });
}
