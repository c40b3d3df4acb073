import { after, latest, seconds } from '../../kit/duration.ts';
import type { Kid } from '../../kit/id.ts';
import {
  asOf,
  emergencyTime,
  goneAt,
  type KeyPolicy,
  MAX_PUBLISHED_KEYS,
  openKey,
  propagationTime,
  publishedKeys,
  type SigningKey,
  stateOf,
  waitingKey,
} from './life-cycle.ts';

/** New dates for a key that exists. */
export interface Redating {
  readonly kid: Kid;
  readonly activatedAt?: Date;
  readonly retiredAt?: Date;
  readonly revokedAt?: Date;
}

/** A key to be made and published now; `activatedAt` null makes it the one that waits. */
export interface Publication {
  readonly activatedAt: Date | null;
}

/** Why a command was refused. */
export type Refusal =
  | 'next_too_young'
  | 'too_many_published'
  | 'change_in_progress'
  | 'no_next_key'
  | 'unknown_kid'
  | 'no_keys';

/** What shall happen, all in one transaction, or why nothing does. */
export type Decision =
  | { readonly kind: 'change'; readonly redate: Redating[]; readonly publish: Publication[] }
  | { readonly kind: 'nothing'; readonly reason: 'not_due' | 'already_so' }
  | { readonly kind: 'refuse'; readonly reason: Refusal; readonly retryAt: Date | null };

/** What may be asked of the keys. */
export type KeyCommand =
  | { readonly kind: 'tick' }
  | { readonly kind: 'rotate'; readonly ifDue: boolean; readonly force: boolean }
  | { readonly kind: 'revoke'; readonly kid: Kid; readonly immediately: boolean }
  | { readonly kind: 'revoke_all' };

type Keys = readonly SigningKey[];

const change = (redate: Redating[], publish: Publication[] = []): Decision => ({
  kind: 'change',
  redate,
  publish,
});
const refuse = (reason: Refusal, retryAt: Date | null = null): Decision => ({
  kind: 'refuse',
  reason,
  retryAt,
});
const WAITING: Publication = { activatedAt: null };

/** Decides a command from the keys as they are. Pure: the same answer on every replica. */
export function decide(command: KeyCommand, keys: Keys, policy: KeyPolicy, clock: Date): Decision {
  const now = asOf(keys, clock);
  switch (command.kind) {
    case 'tick':
      return tick(keys, policy, now);
    case 'rotate':
      // No time mends that, so that no job may take it for a rotation that comes later.
      if (keys.length === 0) return refuse('no_keys');
      return rotate(keys, policy, now, command);
    case 'revoke':
      return revoke(keys, policy, now, command);
    case 'revoke_all':
      // The first pair comes with the first start, which makes what else belongs to it.
      if (keys.length === 0) return refuse('no_keys');
      return change(
        keys.filter((key) => isOfUse(key, policy, now)).map(({ kid }) => ({ kid, revokedAt: now })),
        [{ activatedAt: now }, WAITING],
      );
  }
}

/** Whether a key is published, or kept back only since it would be a sixth. */
function isOfUse(key: SigningKey, policy: KeyPolicy, now: Date): boolean {
  const state = stateOf(key, policy, now);
  return state !== 'gone' && state !== 'revoked';
}

/** A `next` key where none waits, unless it would be the sixth beside those `published`. */
const nextIfRoom = (published: number): Publication[] =>
  published < MAX_PUBLISHED_KEYS ? [WAITING] : [];

/** What time alone demands. Nobody can have cached an empty JWKS, so the first key signs at once. */
function tick(keys: Keys, policy: KeyPolicy, now: Date): Decision {
  if (keys.length === 0) return change([], [{ activatedAt: now }, WAITING]);
  const missing = waitingKey(keys) ? [] : nextIfRoom(publishedKeys(keys, policy, now).length);
  if (missing.length > 0 && openKey(keys)) return change([], missing);
  const rotation = rotate(keys, policy, now, { ifDue: true, force: false });
  // What would be refused to an operator is simply not due yet for a run that comes again.
  return rotation.kind === 'refuse' ? { kind: 'nothing', reason: 'not_due' } : rotation;
}

function rotate(
  keys: Keys,
  policy: KeyPolicy,
  now: Date,
  options: { ifDue: boolean; force: boolean },
): Decision {
  const open = openKey(keys);
  const next = waitingKey(keys);
  if (open?.activatedAt && open.activatedAt > now) {
    return options.ifDue
      ? { kind: 'nothing', reason: 'not_due' }
      : refuse('change_in_progress', open.activatedAt);
  }
  const dueAt = open?.activatedAt && after(open.activatedAt, policy.keyRotationInterval);
  if (options.ifDue && dueAt && now < dueAt) return { kind: 'nothing', reason: 'not_due' };
  if (!open || !next) {
    const publishableAt = roomAt(keys, policy, now);
    const wait = options.force ? seconds(0) : propagationTime(policy);
    return refuse('no_next_key', publishableAt && after(publishableAt, wait));
  }
  const safeAt = after(next.publishedAt, propagationTime(policy));
  if (now < safeAt && !options.force) return refuse('next_too_young', safeAt);
  const possibleAt = roomAt(keys, policy, now);
  if (!possibleAt || possibleAt > now) return refuse('too_many_published', possibleAt);
  return change(
    [
      { kid: open.kid, retiredAt: now },
      { kid: next.kid, activatedAt: now },
    ],
    [WAITING],
  );
}

/** When one more key may be published: now, or when the first of five leaves the JWKS. */
function roomAt(keys: Keys, policy: KeyPolicy, now: Date): Date | null {
  const published = publishedKeys(keys, policy, now);
  if (published.length < MAX_PUBLISHED_KEYS) return now;
  const leaving = published.flatMap((key) => goneAt(key, policy) ?? []);
  return leaving.length ? new Date(Math.min(...leaving.map(Number))) : null;
}

function revoke(
  keys: Keys,
  policy: KeyPolicy,
  now: Date,
  { kid, immediately }: { kid: Kid; immediately: boolean },
): Decision {
  const key = keys.find((candidate) => candidate.kid === kid);
  if (!key) return refuse('unknown_kid');
  const others = publishedKeys(keys, policy, now).filter((other) => other !== key).length;
  switch (stateOf(key, policy, now)) {
    case 'active':
      return revokeActive(key, { keys, policy, now, others, immediately });
    case 'next':
      return revokeNext(key, { keys, policy, now, others });
    case 'retiring':
      return change([{ kid, revokedAt: now }], waitingKey(keys) ? [] : nextIfRoom(others));
    case 'gone':
    case 'revoked':
      return { kind: 'nothing', reason: 'already_so' };
  }
}

interface Revocation {
  readonly keys: Keys;
  readonly policy: KeyPolicy;
  readonly now: Date;
  /** How many keys stay published beside the revoked one. */
  readonly others: number;
}

/** The stolen key stops; what is published already signs at once, a key nobody has seen soon. */
function revokeActive(
  key: SigningKey,
  { keys, policy, now, others, immediately }: Revocation & { immediately: boolean },
): Decision {
  const stop: Redating = { kid: key.kid, retiredAt: now, revokedAt: now };
  const waiting = waitingKey(keys);
  const open = openKey(keys);
  // A key with a date is left over from an emergency that is not finished: it goes first.
  const dated = open && open.kid !== key.kid ? open : undefined;
  const successor = dated ?? waiting;
  if (immediately && dated) {
    return change([stop, { kid: dated.kid, activatedAt: now }], waiting ? [] : nextIfRoom(others));
  }
  if (immediately || !successor) {
    return change([stop], [{ activatedAt: now }, ...(waiting ? [] : nextIfRoom(others + 1))]);
  }
  const handover = after(now, emergencyTime(policy));
  const stillWaiting = waiting && waiting !== successor;
  return change(
    [stop, { kid: successor.kid, activatedAt: now, retiredAt: handover }],
    [{ activatedAt: handover }, ...(stillWaiting ? [] : nextIfRoom(others + 1))],
  );
}

/** A key that does not sign yet is replaced where it stood, with its date if it had one. */
function revokeNext(key: SigningKey, { keys, policy, now, others }: Revocation): Decision {
  const revoked: Redating = { kid: key.kid, revokedAt: now };
  if (!key.activatedAt) return change([revoked], nextIfRoom(others));
  const waiting = waitingKey(keys);
  // Every replica and cache must have the one that takes its place: the key in between signs on.
  const known = after(waiting?.publishedAt ?? now, emergencyTime(policy));
  const handover = latest(key.activatedAt, known);
  const between = keys.filter((other) => stateOf(other, policy, now) === 'active');
  const redate = [revoked, ...between.map(({ kid }) => ({ kid, retiredAt: handover }))];
  return waiting
    ? change([...redate, { kid: waiting.kid, activatedAt: handover }], nextIfRoom(others))
    : change(redate, [{ activatedAt: handover }, ...nextIfRoom(others + 1)]);
}
