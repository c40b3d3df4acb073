import type { Database, Tx } from '../../db/database.ts';
import type { Clock } from '../../kit/clock.ts';
import { type RecordingDeps, recording } from '../audit/recording.ts';
import { eventOf } from './events.ts';
import type { HighWaterMark } from './high-water.ts';
import type { KeyEncryptionKey } from './key-encryption-key.ts';
import { makeKeyPair, type NewKeyPair } from './key-pair.ts';
import type { KeyPolicy } from './life-cycle.ts';
import { type Decision, decide, type KeyCommand } from './machine.ts';
import type { Sealer } from './sealing.ts';
import {
  insertKey,
  listKeys,
  lockKeyState,
  readStateVersion,
  redateKey,
  type StoredKey,
  writeStateVersion,
} from './store.ts';

/** What a transition needs. */
export interface TransitionDeps extends RecordingDeps {
  readonly database: Pick<Database, 'db' | 'transaction' | 'notify'>;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly policy: KeyPolicy;
  /** RSA modulus of new keys. */
  readonly keyBits: number;
  readonly highWater: HighWaterMark;
  /** Whether verifiers see a key, asked before a planned rotation to it; absent: not asked. */
  readonly isVisible?: ((next: StoredKey) => Promise<boolean>) | undefined;
  /** The key-encryption keys as they are where `sealer` had its own from; absent: the same. */
  readonly keyEncryptionKeys?: (() => Promise<readonly KeyEncryptionKey[]>) | undefined;
}

/** Where changes of the keys are notified, after their commit. */
export const KEYS_CHANNEL = 'keyturn_keys';

type Obstacle = 'database_restored' | 'next_not_visible';

/** What became of a command: what the machine decided, unless something else was in its way. */
export type Outcome =
  | Decision
  | { readonly kind: 'refuse'; readonly reason: Obstacle; readonly retryAt: null };

type Change = Decision & { kind: 'change' };

const obstacle = (reason: Obstacle): Outcome => ({ kind: 'refuse', reason, retryAt: null });
const ALREADY_SO: Outcome = { kind: 'nothing', reason: 'already_so' };
const RESTORED = obstacle('database_restored');
const NOT_VISIBLE = obstacle('next_not_visible');

/**
 * A restored copy goes on above every version that any process can have seen of it, also after an
 * earlier restoration: versions rise by single transitions, far slower than milliseconds pass.
 */
const aboveAllSeen = (version: number, now: Date): number => Math.max(version + 1, now.getTime());

/** The purpose that a sealed private key is bound to. */
export const privateKeyPurpose = (kid: string): string => `signing key ${kid}`;

/** What else belongs to a transition. */
export interface TransitionOptions {
  /** Accept a database that was restored, and raise its version above all that was seen. */
  readonly restored?: boolean;
  /** Done in the same transaction. */
  readonly alongside?: (tx: Tx, now: Date) => Promise<void>;
}

/**
 * Carries out a command: one transaction under the lock on the keys' state. Run twice, or by ten
 * replicas at once, it is run once.
 */
export async function carryOut(
  deps: TransitionDeps,
  command: KeyCommand,
  options: TransitionOptions = {},
): Promise<Outcome> {
  const spare: NewKeyPair[] = [];
  for (;;) {
    const seen = await readStateVersion(deps.database.db);
    if (!options.restored && !(await deps.highWater.accept(seen))) return RESTORED;
    // Looking at the world and making keys take a while: both are done before the lock is taken, and
    // the decision is made anew under it.
    const planned = await plan(deps, command);
    if (planned.kind !== 'change') return planned;
    while (spare.length < planned.publish.length) spare.push(await makeKeyPair(deps.keyBits));
    const outcome = await recording(deps, async (tx, record) => {
      const before = await lockKeyState(tx);
      if (before.version < seen.version) return RESTORED;
      const now = deps.clock.now();
      const keys = await listKeys(tx);
      if (command.kind === 'rotate' && hasHappened(planned, keys)) return ALREADY_SO;
      const decision = decide(command, keys, deps.policy, now);
      if (decision.kind !== 'change') return decision;
      if (decision.publish.length > spare.length) return undefined;
      await apply(deps, tx, { decision, spare, now, under: sealedUnder(deps.sealer, keys) });
      await options.alongside?.(tx, now);
      const event = eventOf(command, decision, options.restored ?? false);
      if (event) record(event);
      const { version } = before;
      await writeStateVersion(tx, options.restored ? aboveAllSeen(version, now) : version + 1);
      return decision;
    });
    if (outcome?.kind === 'change') {
      await deps.database.notify(KEYS_CHANNEL);
      await deps.highWater.accept(await readStateVersion(deps.database.db));
    }
    if (outcome) return outcome;
  }
}

/** Whether somebody else has made the rotation that was planned here: two at once are one. */
function hasHappened(planned: Change, keys: readonly StoredKey[]): boolean {
  const promoted = planned.redate.find(({ activatedAt }) => activatedAt)?.kid;
  return keys.some(({ kid, activatedAt }) => kid === promoted && activatedAt !== null);
}

/** What a command would do now; nothing is changed. */
export async function plan(deps: TransitionDeps, command: KeyCommand): Promise<Outcome> {
  const keys = await listKeys(deps.database.db);
  const decision = decide(command, keys, deps.policy, deps.clock.now());
  if (decision.kind !== 'change' || !isPlanned(command)) return decision;
  const promoted = decision.redate.find(({ activatedAt }) => activatedAt);
  const next = keys.find(({ kid }) => kid === promoted?.kid);
  const hidden = next && deps.isVisible && !(await deps.isVisible(next));
  return hidden ? NOT_VISIBLE : decision;
}

/** An emergency, and an operator who knows better, do not wait for the world. */
const isPlanned = (command: KeyCommand): boolean =>
  command.kind === 'tick' || (command.kind === 'rotate' && !command.force);

/**
 * What new keys are sealed under: what the others are, so that every replica opens them. Another
 * takes over by `keys rewrap` alone.
 */
function sealedUnder(sealer: Sealer, keys: readonly StoredKey[]): string | undefined {
  const sealed = keys.findLast((key) => key.sealedPrivateKey)?.sealedPrivateKey;
  return sealed ? sealer.sealedUnder(sealed) : undefined;
}

interface Application {
  readonly decision: Change;
  /** Keys that were made before the lock was taken. */
  readonly spare: NewKeyPair[];
  readonly now: Date;
  /** The id of the key-encryption key; the newest when undefined. */
  readonly under: string | undefined;
}

async function apply(
  deps: TransitionDeps,
  tx: Tx,
  { decision, spare, now, under }: Application,
): Promise<void> {
  // In this order, so that the index which allows one active key holds after each statement.
  for (const redating of decision.redate) await redateKey(tx, redating);
  for (const { activatedAt } of decision.publish) {
    const pair = spare.shift();
    if (!pair) throw new Error('fewer keys were made than are to be published');
    const { kid } = pair.publicJwk;
    await insertKey(tx, {
      publicJwk: pair.publicJwk,
      sealedPrivateKey: await deps.sealer.seal(pair.privateKey, privateKeyPurpose(kid), under),
      bits: pair.bits,
      maxTokenTtl: deps.policy.accessTokenTtl,
      publishedAt: now,
      activatedAt,
    });
  }
}
