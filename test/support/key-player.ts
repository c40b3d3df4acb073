import {
  emergencyTime,
  goneAt,
  type KeyPolicy,
  openKey,
  propagationTime,
  publishedKeys,
  stateOf,
} from '../../src/issuer/keys/life-cycle.ts';
import type { KeyCommand } from '../../src/issuer/keys/machine.ts';
import {
  after,
  type Duration,
  elapsed,
  milliseconds,
  seconds,
  sum,
  times,
} from '../../src/kit/duration.ts';
import type { Kid } from '../../src/kit/id.ts';
import { greatestOf, share } from './key-regimes.ts';
import type { KeyWorld, Token } from './key-world.ts';

/** A command whose key is not known before the history is played: the nth of the JWKS, or an old one. */
export type Command = Exclude<KeyCommand, { kind: 'revoke' }> | Revoke;
interface Revoke {
  readonly kind: 'revoke';
  readonly nth: number;
  readonly immediately: boolean;
}

/** One thing that happens. Clocks and lags are shares of what the settings allow, in hundredths. */
export type Step =
  | { readonly kind: 'wait'; readonly unit: keyof typeof UNITS; readonly percent: number }
  | { readonly kind: 'wait_for_date'; readonly nth: number; readonly offset: number }
  | { readonly kind: 'command'; readonly command: Command; readonly clock: number }
  | { readonly kind: 'crash'; readonly command: Command; readonly clock: number }
  | { readonly kind: 'sign'; readonly clock: number; readonly lag: number; readonly ttl: number }
  | ({ readonly kind: 'configure' } & Settings);

/** New settings, each in hundredths of the first. */
export type Settings = Readonly<
  Record<'ttl' | 'interval' | 'cache' | 'maxAge' | 'skew' | 'lease', number>
>;

const DAY = seconds(86_400);

/** Lengths of time that matter to keys. */
export const UNITS = {
  moment: () => milliseconds(100),
  lease: (policy: KeyPolicy) => policy.keyLease,
  token: (policy: KeyPolicy) => policy.accessTokenTtl,
  emergency: emergencyTime,
  propagation: propagationTime,
  interval: (policy: KeyPolicy) => policy.keyRotationInterval,
  month: () => times(30, DAY),
} as const;

/** A clock's distance from the world's: half of CLOCK_SKEW at most, so no two are further apart. */
export const skewOf = (percent: number, policy: KeyPolicy): Duration =>
  share(percent, policy.clockSkew / 2);

/** How a history is played. */
export interface Playing {
  /** Told at each date of a key, a millisecond before it, and after each step. */
  readonly moment?: (world: KeyWorld) => void;
  /** Whether the replicas all go by one clock, the database's, as they do on PostgreSQL. */
  readonly oneClock?: boolean;
}

/** Plays a history and returns the tokens that were signed. */
export function play(world: KeyWorld, steps: readonly Step[], playing: Playing = {}): Token[] {
  const tokens: Token[] = [];
  const usual = world.settings();
  const operator: Operator = { usual, patientUntil: world.now(), felt: usual };
  for (const [n, step] of steps.entries()) {
    const clocks = clocksOf(world, steps.slice(n + 1), usual);
    const course: Course = { operator, clocks, playing };
    const token = take(world, playing.oneClock ? onOneClock(step) : step, course);
    if (token) tokens.push(token);
    playing.moment?.(world);
  }
  return tokens;
}

const onOneClock = (step: Step): Step => ('clock' in step ? { ...step, clock: 0 } : step);

/** One who heeds docs/key-rotation.md. */
interface Operator {
  readonly usual: KeyPolicy;
  /** Until then what was lowered may still be felt: nothing is rotated by hand, or due. */
  patientUntil: Date;
  /** The greatest that each setting was of those that may still be felt. */
  felt: KeyPolicy;
}

interface Course {
  readonly operator: Operator;
  /** How far two clocks may be apart, now and by all settings to come: they are set right before. */
  readonly clocks: KeyPolicy;
  readonly playing: Playing;
}

function clocksOf(world: KeyWorld, coming: readonly Step[], usual: KeyPolicy): KeyPolicy {
  const skews = coming.flatMap((step) =>
    step.kind === 'configure' ? share(step.skew, usual.clockSkew) : [],
  );
  const clockSkew = milliseconds(Math.min(world.regimes.clockSkewAt(world.now()), ...skews));
  return { ...world.settings(), clockSkew };
}

function take(world: KeyWorld, step: Step, course: Course): Token | undefined {
  const { operator, clocks, playing } = course;
  const policy = world.settings();
  switch (step.kind) {
    case 'wait':
      pass(world, after(world.now(), share(step.percent, UNITS[step.unit](policy))), playing);
      return undefined;
    case 'wait_for_date': {
      const date = datesAhead(world)[step.nth];
      if (date) pass(world, after(date, milliseconds(step.offset)), playing);
      return undefined;
    }
    case 'command':
      if (isHasty(step.command) && world.now() < operator.patientUntil) return undefined;
      world.run(commandOf(world, step.command), skewOf(step.clock, clocks));
      return undefined;
    case 'crash':
      world.crash(commandOf(world, step.command), skewOf(step.clock, clocks));
      return undefined;
    case 'sign':
      return world.sign(
        step.lag,
        skewOf(step.clock, clocks),
        share(step.ttl, policy.accessTokenTtl),
      );
    case 'configure':
      configure(world, step, operator);
      return undefined;
  }
}

const isHasty = (command: Command): boolean =>
  command.kind === 'rotate' && !command.ifDue && !command.force;

function configure(world: KeyWorld, step: Settings, operator: Operator): void {
  const { usual } = operator;
  const present = world.settings();
  const keyLease = share(step.lease, usual.keyLease);
  const wanted: KeyPolicy = {
    accessTokenTtl: share(step.ttl, usual.accessTokenTtl),
    verifierCacheTtl: share(step.cache, usual.verifierCacheTtl),
    jwksMaxAge: share(step.maxAge, usual.jwksMaxAge),
    clockSkew: share(step.skew, usual.clockSkew),
    // A replica that had not heard of a retirement signed on for the old lease, which nothing
    // remembers: it is lowered while no key is retiring.
    keyLease: isQuiet(world) || keyLease > present.keyLease ? keyLease : present.keyLease,
    keyRotationInterval: share(step.interval, usual.keyRotationInterval),
  };
  // What was fetched before the change is kept for as long as was said then, which the machine does
  // not know any more. So times are lowered when no rotation is near.
  const isLowered = (['verifierCacheTtl', 'jwksMaxAge', 'keyLease'] as const).some(
    (name) => wanted[name] < present[name],
  );
  const isPatient = world.now() < operator.patientUntil;
  operator.felt = greatestOf(isPatient ? operator.felt : present, wanted);
  if (isLowered || isPatient) {
    operator.patientUntil = after(world.now(), propagationTime(operator.felt));
  }
  const rotated = openKey(world.keys())?.activatedAt ?? world.now();
  const interval = Math.max(
    wanted.keyRotationInterval,
    elapsed(rotated, operator.patientUntil),
    // The configuration refuses less.
    propagationTime(wanted),
  );
  world.configure({ ...wanted, keyRotationInterval: milliseconds(interval) });
}

function isQuiet(world: KeyWorld): boolean {
  const policy = world.settings();
  const retiring = world.keys().some((key) => stateOf(key, policy, world.now()) === 'retiring');
  return !retiring && world.now() >= after(world.changedAt(), policy.keyLease);
}

function commandOf(world: KeyWorld, command: Command): KeyCommand {
  if (command.kind !== 'revoke') return command;
  const { nth } = command;
  const published = publishedKeys(world.keys(), world.settings(), world.now());
  const kid = (published[nth] ?? world.keys()[nth - published.length])?.kid;
  return {
    kind: 'revoke',
    kid: kid ?? ('nobody has it' as Kid),
    immediately: command.immediately,
  };
}

/** Lets time pass until an instant, through every date on the way. */
export function pass(world: KeyWorld, until: Date, playing: Playing = {}): void {
  for (const date of datesAhead(world)) {
    for (const stop of [after(date, milliseconds(-1)), date]) {
      if (stop > world.now() && stop < until) {
        world.advance(elapsed(world.now(), stop));
        playing.moment?.(world);
      }
    }
  }
  world.advance(elapsed(world.now(), until));
}

/** Every instant to come at which something changes, or may be done, by time alone. */
export function datesAhead(world: KeyWorld): Date[] {
  const keys = world.keys();
  const policy = world.settings();
  const due = openKey(keys)?.activatedAt;
  const dates = keys.flatMap((key) => [
    key.activatedAt,
    key.retiredAt,
    goneAt(key, policy),
    after(key.publishedAt, propagationTime(policy)),
    after(key.publishedAt, emergencyTime(policy)),
  ]);
  if (due) dates.push(after(due, policy.keyRotationInterval));
  return dates
    .filter((date) => date !== null)
    .filter((date) => date > world.now())
    .sort((a, b) => +a - +b);
}

/** Lets time pass until no token can be valid any more. */
export const passAll = (world: KeyWorld, playing: Playing = {}): void =>
  pass(world, after(world.now(), sum(times(400, DAY), world.settings().verifierCacheTtl)), playing);
