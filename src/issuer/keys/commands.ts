import type { Db } from '../../db/database.ts';
import { earliest, latest, spellDuration } from '../../kit/duration.ts';
import type { Kid } from '../../kit/id.ts';
import { propagationTime } from './life-cycle.ts';
import { type KeyReport, reportKeys } from './report.ts';
import { listKeys, listSecrets, lockKeyState, resealKey, resealSecret } from './store.ts';
import {
  carryOut,
  KEYS_CHANNEL,
  type Outcome,
  plan,
  privateKeyPurpose,
  type TransitionDeps,
  type TransitionOptions,
} from './transition.ts';
import { type RemainingTrust, remainingTrust } from './verifiers.ts';

/** Why no key is rotated to that verifiers do not see, and how to mend it. */
export const NEXT_NOT_VISIBLE =
  'The JWKS that the world gets at ISSUER_URL lacks the next key: verifiers would refuse what it ' +
  'signs. Purge the caches before Keyturn, and see that every replica reads this database. ' +
  '--force rotates all the same.';

const NO_KEYS = 'The database has no signing keys yet: start the server once first.';

/** A command about keys that was refused; the message says why and what to do. */
export class KeyCommandRefused extends Error {
  override readonly name = 'KeyCommandRefused';
  /** Stable snake_case name. */
  readonly code: string;
  /** When the same command will not be refused for this reason; null when time does not help. */
  readonly retryAt: Date | null;

  constructor(code: string, message: string, retryAt: Date | null) {
    super(message);
    this.code = code;
    this.retryAt = retryAt;
  }
}

/**
 * Asked before users are stored: a start that found them and no keys would take it for damage.
 * @throws KeyCommandRefused where the server has never started
 */
export async function requireKeys(db: Db): Promise<void> {
  if ((await listKeys(db)).length > 0) return;
  throw new KeyCommandRefused('no_keys', NO_KEYS, null);
}

/** What a revocation adds to the report. */
export interface RevocationReport extends KeyReport {
  readonly still_trusted_by: readonly RemainingTrust[];
}

/** `keys list` */
export const listCommand = (deps: TransitionDeps): Promise<KeyReport> => report(deps, false);

/**
 * `keys rotate`
 * @throws KeyCommandRefused while it would be unsafe
 */
export async function rotateCommand(
  deps: TransitionDeps,
  options: { readonly ifDue: boolean; readonly force: boolean; readonly dryRun: boolean },
): Promise<KeyReport & { readonly would_change?: boolean }> {
  const command = { kind: 'rotate', ...options } as const;
  if (!options.dryRun) return report(deps, changes(deps, await carryOut(deps, command)));
  return { ...(await report(deps, false)), would_change: changes(deps, await plan(deps, command)) };
}

/**
 * `keys revoke KID` and `keys revoke --all`
 * @param kid the key that was compromised; undefined for all of them
 * @throws KeyCommandRefused for a kid that is not known
 */
export async function revokeCommand(
  deps: TransitionDeps,
  { kid, immediately }: { readonly kid: string | undefined; readonly immediately: boolean },
): Promise<RevocationReport> {
  const command =
    kid === undefined
      ? ({ kind: 'revoke_all' } as const)
      : ({ kind: 'revoke', kid: kid as Kid, immediately } as const);
  const changed = changes(deps, await carryOut(deps, command));
  const keys = await listKeys(deps.database.db);
  const revoked = keys.flatMap((key) =>
    key.revokedAt && (kid === undefined || key.kid === kid) ? [key.revokedAt] : [],
  );
  // A key that had gone by itself has no such date.
  const revokedAt = revoked.length > 0 ? revoked.reduce(latest) : deps.clock.now();
  // Only a key that nobody has seen makes verifiers look again.
  const unseen = keys.flatMap((key) =>
    key.publishedAt >= revokedAt && key.activatedAt && !key.revokedAt ? [key.activatedAt] : [],
  );
  const unknownKidAt = unseen.length > 0 ? unseen.reduce(earliest) : null;
  return {
    ...(await report(deps, changed)),
    still_trusted_by: remainingTrust(deps.policy, revokedAt, unknownKidAt),
  };
}

/** `restored`: revokes every key of a database that came from a backup, and makes a fresh pair. */
export async function restoredCommand(
  deps: TransitionDeps,
  alongside: TransitionOptions['alongside'] & object,
): Promise<KeyReport> {
  const outcome = await carryOut(deps, { kind: 'revoke_all' }, { restored: true, alongside });
  return report(deps, changes(deps, outcome));
}

/** What `keys rewrap` answers: how much was sealed anew, under which key, and where that is. */
export interface RewrapReport extends KeyReport {
  readonly rewrapped: number;
  readonly sealed_under: string | undefined;
  readonly found_in: string | undefined;
}

/**
 * `keys rewrap`: seals everything anew under the newest key-encryption key.
 * @throws KeyCommandRefused when there is one that this process has not read
 */
export async function rewrapCommand(deps: TransitionDeps): Promise<RewrapReport> {
  const { sealer } = deps;
  const newest = (await deps.keyEncryptionKeys?.())?.at(-1);
  if (newest && newest.id !== sealer.newestId) {
    throw new KeyCommandRefused(
      'key_encryption_key_unread',
      `${newest.where} holds a key-encryption key (${newest.id}) that the server has not read; it ` +
        `seals under ${sealer.newestId}. Restart the server, then run keys rewrap again.`,
      null,
    );
  }
  const stale = (sealed: string) => sealer.sealedUnder(sealed) !== sealer.newestId;
  const rewrapped = await deps.database.transaction(async (tx) => {
    await lockKeyState(tx);
    const keys = (await listKeys(tx)).flatMap(({ kid, sealedPrivateKey: sealed }) =>
      sealed && stale(sealed) ? [{ kid, sealed }] : [],
    );
    for (const { kid, sealed } of keys) {
      const purpose = privateKeyPurpose(kid);
      await resealKey(tx, kid, await sealer.seal(await sealer.open(sealed, purpose), purpose));
    }
    const secrets = (await listSecrets(tx)).filter(({ sealed }) => stale(sealed));
    for (const { name, sealed } of secrets) {
      await resealSecret(tx, name, await sealer.seal(await sealer.open(sealed, name), name));
    }
    return keys.length + secrets.length;
  });
  if (rewrapped > 0) await deps.database.notify(KEYS_CHANNEL);
  return {
    ...(await report(deps, rewrapped > 0)),
    rewrapped,
    sealed_under: sealer.newestId,
    found_in: sealer.newestWhere,
  };
}

async function report(deps: TransitionDeps, changed: boolean): Promise<KeyReport> {
  return reportKeys(await listKeys(deps.database.db), deps.policy, deps.clock.now(), changed);
}

/** Whether an outcome is a change. @throws KeyCommandRefused when it is a refusal */
function changes(deps: TransitionDeps, outcome: Outcome): boolean {
  if (outcome.kind !== 'refuse') return outcome.kind === 'change';
  throw new KeyCommandRefused(outcome.reason, explain(deps, outcome), outcome.retryAt);
}

function explain(deps: TransitionDeps, { reason, retryAt }: Outcome & { kind: 'refuse' }): string {
  const { policy } = deps;
  const when = retryAt ? ` It will be safe at ${retryAt.toISOString()}.` : '';
  switch (reason) {
    case 'next_too_young':
      return (
        `The next key has been published for less than ${spellDuration(propagationTime(policy))}, ` +
        'and some verifier may not have fetched it yet (VERIFIER_CACHE_TTL + JWKS_MAX_AGE + ' +
        `CLOCK_SKEW + KEY_LEASE).${when} --force rotates all the same.`
      );
    case 'too_many_published':
      return `Five keys are published, and common verifiers remember no more.${when}`;
    case 'change_in_progress':
      return `An emergency change of keys is under way, until the fresh key signs.${when}`;
    case 'no_next_key':
      return `There is no next key to rotate to yet.${when}`;
    case 'unknown_kid':
      return 'There is no key with this kid; `keyturn keys list` shows them.';
    case 'no_keys':
      return NO_KEYS;
    case 'next_not_visible':
      return NEXT_NOT_VISIBLE;
    case 'database_restored':
      return 'The database was restored from a backup. Run `keyturn restored` first.';
  }
}
