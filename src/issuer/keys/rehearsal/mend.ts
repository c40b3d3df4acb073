import { type Duration, seconds, sum, toSeconds } from '../../../kit/duration.ts';
import { type KeyPolicy, propagationTime } from '../life-cycle.ts';
import type { VerifierKind } from '../verifiers.ts';
import type { RehearsalEvent, RehearsalPlan } from './plan.ts';
import { judge, type Stage, setStage } from './stage.ts';
import type { Findings, RefusedTokens } from './verdict.ts';

/** Something about a verifier, or what is between it and us, that would be better otherwise. */
export type Habit = 'refetch' | 'no_cdn' | 'no_cooldown';

/** What would keep a verifier from refusing good tokens. */
export interface Mend {
  readonly settings: Partial<KeyPolicy>;
  /** Commands better given without `--force` or `--now`. */
  readonly without: readonly ('force' | 'now')[];
  readonly habits: readonly Habit[];
}

/** Tries what a mend would do; remembers what it has played already. */
export type Rerun = (mend: Mend, verifier: VerifierKind) => Findings;

/** How many kinds of things a mend touches. */
const effort = ({ settings, without, habits }: Mend): number =>
  [Object.keys(settings), without, habits].filter(({ length }) => length > 0).length;

/** Makes a `Rerun` of one plan under one policy. */
export function createRerun(policy: KeyPolicy, plan: RehearsalPlan): Rerun {
  const stages = new Map<string, Stage>();
  return (mend, verifier) => {
    const name = JSON.stringify([mend.settings, mend.without]);
    const stage =
      stages.get(name) ?? setStage({ ...policy, ...mend.settings }, amended(plan, mend));
    stages.set(name, stage);
    return judge(stage, withHabits(verifier, mend.habits));
  };
}

/** The plan as it would be: better commands, and no event that takes a mended setting back. */
export const amended = (plan: RehearsalPlan, { settings, without }: Mend): RehearsalPlan => ({
  ...plan,
  events: plan.events.map((event): RehearsalEvent => {
    if (event.do === 'rotate' && event.force && without.includes('force')) {
      return { ...event, force: false, whenSafe: true };
    }
    if (event.do === 'revoke' && without.includes('now')) return { ...event, immediately: false };
    if (event.do !== 'settings') return event;
    const kept = Object.entries(event.settings).filter(([name]) => !(name in settings));
    return { ...event, settings: Object.fromEntries(kept) };
  }),
});

/** A verifier as it would be. */
export const withHabits = (verifier: VerifierKind, habits: readonly Habit[]): VerifierKind => ({
  ...verifier,
  ...(habits.includes('refetch') && { refetchesOnUnknownKid: true }),
  ...(habits.includes('no_cdn') && { cdnAge: seconds(0) }),
  ...(habits.includes('no_cooldown') && { cooldown: seconds(0) }),
});

/**
 * The first mend, the easiest first, under which a verifier has no findings of this kind any more
 * when all is rehearsed again; null when there is none.
 */
export function findMend(
  kind: keyof Findings,
  findings: readonly RefusedTokens[],
  verifier: VerifierKind,
  { policy, plan, rerun }: { policy: KeyPolicy; plan: RehearsalPlan; rerun: Rerun },
): Mend | null {
  const settings = [{}, ...settingsFor(findings, verifier, policy)];
  const commands = [[], ...commandsOf(plan)];
  // What a verifier does early is no remedy for having to do it.
  const habits = kind === 'refused' ? [[], ...habitsFor(verifier)] : [[]];
  const candidates = habits
    .flatMap((better) =>
      commands.flatMap((without) =>
        settings.map((changed): Mend => ({ settings: changed, without, habits: better })),
      ),
    )
    .sort((a, b) => effort(a) - effort(b));
  return candidates.find((mend) => rerun(mend, verifier)[kind].length === 0) ?? null;
}

/** Settings that may help, each so small a change as can be. */
function settingsFor(
  findings: readonly RefusedTokens[],
  { keeps, cdnAge, clockSkew }: VerifierKind,
  policy: KeyPolicy,
): Partial<KeyPolicy>[] {
  const shortfall = Math.max(0, ...findings.map((found) => found.shortfall ?? 0)) as Duration;
  const kept = typeof keeps === 'number' ? keeps : policy.jwksMaxAge;
  const caches = [sum(policy.verifierCacheTtl, wholeSeconds(shortfall)), sum(kept, cdnAge)]
    .filter((verifierCacheTtl) => verifierCacheTtl > policy.verifierCacheTtl)
    .map((verifierCacheTtl) => ({ verifierCacheTtl }));
  const clocks = clockSkew !== null && clockSkew > policy.clockSkew ? [{ clockSkew }] : [];
  const both = caches.flatMap((cache) => clocks.map((clock) => ({ ...cache, ...clock })));
  return [...caches, ...clocks, ...both].map((changed) => allowed(policy, changed));
}

/** With an interval that is not below the new propagation time, which would be refused. */
function allowed(policy: KeyPolicy, changed: Partial<KeyPolicy>): Partial<KeyPolicy> {
  const needed = propagationTime({ ...policy, ...changed });
  return needed > policy.keyRotationInterval
    ? { ...changed, keyRotationInterval: needed }
    : changed;
}

const wholeSeconds = (duration: Duration): Duration =>
  seconds(toSeconds(sum(duration, 999 as Duration)));

function commandsOf({ events }: RehearsalPlan): Mend['without'][] {
  const forced = events.some((event) => event.do === 'rotate' && event.force);
  const hurried = events.some((event) => event.do === 'revoke' && event.immediately);
  return [
    ...(forced ? [['force'] as const] : []),
    ...(hurried ? [['now'] as const] : []),
    ...(forced && hurried ? [['force', 'now'] as const] : []),
  ];
}

function habitsFor(verifier: VerifierKind): Habit[][] {
  const single: Habit[] = [];
  if (!verifier.refetchesOnUnknownKid) single.push('refetch');
  if (verifier.cdnAge > 0) single.push('no_cdn');
  if (verifier.cooldown > 0) single.push('no_cooldown');
  return [...single.map((habit) => [habit]), ...(single.length > 1 ? [single] : [])];
}
