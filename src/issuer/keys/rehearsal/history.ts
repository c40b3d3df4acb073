import { after, before, type Duration, latest, milliseconds } from '../../../kit/duration.ts';
import type { Kid } from '../../../kit/id.ts';
import {
  asOf,
  goneAt,
  type KeyPolicy,
  type KeyState,
  nextRotationAt,
  type SigningKey,
  stateOf,
} from '../life-cycle.ts';
import { type Decision, decide, type KeyCommand, type Refusal } from '../machine.ts';
import { createAgenda } from './agenda.ts';
import { commit, kidsInRole, raiseTokenTtl } from './key-table.ts';
import { type RehearsalEvent, type RehearsalPlan, START } from './plan.ts';

/** The keys, and the settings of every process, from an instant until the next version. */
export interface Version {
  readonly since: Date;
  readonly keys: readonly SigningKey[];
  readonly policy: KeyPolicy;
}

/** Something that the timeline tells. */
export type Happening = { readonly at: Date } & (
  | { readonly kind: 'state'; readonly kid: Kid; readonly state: KeyState }
  | { readonly kind: 'refused'; readonly command: string; readonly reason: Refusal | 'no_such_key' }
  | { readonly kind: 'stopped' | 'resumed' }
  | { readonly kind: 'settings'; readonly settings: Partial<KeyPolicy> }
);

/** A key that was revoked, and the first signature of a key that makes verifiers look again. */
export interface Revocation {
  readonly kid: Kid;
  readonly at: Date;
  readonly immediately: boolean;
  readonly unknownKidAt: Date | null;
  readonly policy: KeyPolicy;
}

/** What became of the keys. */
export interface History {
  readonly versions: readonly Version[];
  readonly happenings: readonly Happening[];
  readonly revocations: readonly Revocation[];
}

/** How far the clock is ahead of the world's that records the nth change; negative when behind. */
export type Writer = (nth: number) => Duration;

/** Lets the machine run through a plan in virtual time, from boundary to boundary. */
export function playPlan(plan: RehearsalPlan, policy: KeyPolicy, writer: Writer): History {
  const versions: Version[] = [];
  const happenings: Happening[] = [];
  const revocations: Revocation[] = [];
  const agenda = createAgenda(plan.events);
  const end = after(START, plan.length);
  const states = new Map<Kid, KeyState>();
  let world: Version = { since: START, keys: [], policy };
  let now = START;
  let stoppedUntil: Date | null = null;

  const clock = (): Date => after(now, writer(versions.length));

  const enter = (keys: readonly SigningKey[], settings: KeyPolicy): void => {
    world = { since: now, keys, policy: settings };
    versions.push(world);
  };

  const run = (command: KeyCommand): Decision => {
    const decision = decide(command, world.keys, world.policy, clock());
    if (decision.kind === 'change') {
      enter(commit(world.keys, decision, world.policy, clock()), world.policy);
    }
    return decision;
  };

  function rotate(event: RehearsalEvent & { do: 'rotate' }): void {
    const { ifDue, force, whenSafe } = event;
    const decision = run({ kind: 'rotate', ifDue, force });
    if (decision.kind !== 'refuse') return;
    if (whenSafe && decision.retryAt) agenda.retry(event, decision.retryAt);
    else refused(force ? 'rotate --force' : 'rotate', decision.reason);
  }

  function revoke({ key, immediately }: RehearsalEvent & { do: 'revoke' }): void {
    const kids = kidsInRole(world, key, clock());
    const [kid] = kids;
    if (!kid) {
      refused(`revoke ${key}`, 'no_such_key');
      return;
    }
    const decision = run(
      key === 'all' ? { kind: 'revoke_all' } : { kind: 'revoke', kid, immediately },
    );
    if (decision.kind === 'refuse') refused(`revoke ${kid}`, decision.reason);
    if (decision.kind !== 'change') return;
    const unseen = decision.publish.flatMap(({ activatedAt }) => activatedAt ?? []);
    for (const revoked of kids) {
      revocations.push({
        kid: revoked,
        at: now,
        immediately: immediately || key === 'all',
        unknownKidAt: unseen[0] ?? null,
        policy: world.policy,
      });
    }
  }

  const refused = (command: string, reason: Refusal | 'no_such_key'): void => {
    happenings.push({ at: now, kind: 'refused', command, reason });
  };

  function take(event: RehearsalEvent): void {
    switch (event.do) {
      case 'rotate':
        rotate(event);
        return;
      case 'revoke':
        revoke(event);
        return;
      case 'stop':
        // Nothing turns keys until the last of them is over.
        stoppedUntil = latest(stoppedUntil ?? now, after(now, event.length));
        happenings.push({ at: now, kind: 'stopped' });
        return;
      case 'settings': {
        const settings = { ...world.policy, ...event.settings };
        enter(raiseTokenTtl(world.keys, settings.accessTokenTtl, clock()), settings);
        happenings.push({ at: now, kind: 'settings', settings: event.settings });
      }
    }
  }

  /** Everything that is due now; time alone comes first, as the server's own timer does. */
  function live(): void {
    if (stoppedUntil && stoppedUntil <= now) {
      stoppedUntil = null;
      happenings.push({ at: now, kind: 'resumed' });
    }
    tick();
    // A change may allow what was refused before it.
    for (let before = -1; before !== versions.length; ) {
      before = versions.length;
      for (const event of agenda.take(now)) take(event);
      tick();
    }
    noteStates();
  }

  function tick(): void {
    while (!stoppedUntil && run({ kind: 'tick' }).kind === 'change');
  }

  function noteStates(): void {
    const at = asOf(world.keys, clock());
    for (const key of world.keys) {
      const state = stateOf(key, world.policy, at);
      if (states.get(key.kid) === state) continue;
      // A key that signs as it is published was both in one instant.
      if (!states.has(key.kid) && state !== 'next') {
        happenings.push({ at: now, kind: 'state', kid: key.kid, state: 'next' });
      }
      states.set(key.kid, state);
      happenings.push({ at: now, kind: 'state', kid: key.kid, state });
    }
  }

  /** The next instant at which anything can be otherwise. */
  function next(): Date | undefined {
    const ahead = writer(versions.length);
    const byClock = boundariesOf(world).map((date) => before(date, ahead));
    const dates = [...byClock, ...(stoppedUntil ? [stoppedUntil] : []), ...agenda.dates(ahead)];
    const coming = dates.filter((date) => date > now && date <= end).map(Number);
    return coming.length ? new Date(Math.min(...coming)) : undefined;
  }

  for (let at: Date | undefined = START; at; at = next()) {
    now = at;
    live();
  }
  return { versions, happenings, revocations };
}

/** The instants at which the keys' states, or what the machine would do, change by time alone. */
function boundariesOf({ keys, policy }: Version): Date[] {
  const dates = keys.flatMap((key) => [key.activatedAt, key.retiredAt, goneAt(key, policy)]);
  return [...dates, nextRotationAt(keys, policy)].filter((date) => date !== null);
}

/** A clock that is right. */
export const RIGHT: Writer = () => milliseconds(0);
