import { z } from 'zod';
import { type FieldFault, fieldFaults, humanMessage } from '../http/field-errors.ts';
import { type KeyPolicy, propagationTime } from '../issuer/keys/life-cycle.ts';
import {
  defaultPlan,
  MOST_ROTATIONS,
  type RehearsalEvent,
  type RehearsalPlan,
} from '../issuer/keys/rehearsal/plan.ts';
import { SETTING_NAMES } from '../issuer/keys/rehearsal/wording.ts';
import { VERIFIER_KINDS, type VerifierKind } from '../issuer/keys/verifiers.ts';
import { type Duration, formatDuration, parseDuration, seconds, times } from '../kit/duration.ts';
import { printable } from './printable.ts';
import { PlanFault, readPlanDocument } from './rehearsal-document.ts';

const TEN_YEARS = times(3650 * 86_400, seconds(1));

const duration = z
  .string('a length of time is wanted, such as 90s, 15m, 12h or 30d')
  .transform((text, context): Duration => {
    const parsed = parseDuration(text);
    if (parsed !== undefined && parsed <= TEN_YEARS) return parsed;
    context.addIssue('not a length of time of up to ten years, such as 90s, 15m, 12h or 30d');
    return z.NEVER;
  });
const length = duration.refine((value) => value > 0, 'more than nothing is wanted');

const verifier = z
  .strictObject({
    name: z.string().trim().min(1).max(60),
    keeps: z.union([z.literal('max-age'), z.literal('forever'), duration], {
      error: 'a length of time such as 2h is wanted, or max-age, or forever',
    }),
    unknown_kid: z.enum(['refetch', 'never']),
    per_kid: z.boolean().default(false),
    clock_skew: duration.optional(),
    cdn_age: duration.default(seconds(0)),
    cooldown: duration.default(seconds(0)),
  })
  .refine((given) => given.per_kid !== true || given.unknown_kid !== 'never', {
    path: ['per_kid'],
    message: 'who keeps each key by itself has to fetch those it does not know',
    // Also beside faults of other fields, so that all are told at once.
    when: ({ value }) => typeof value === 'object' && value !== null,
  })
  .transform(
    ({ keeps, ...given }): VerifierKind => ({
      name: given.name,
      keeps: keeps === 'max-age' ? 'max_age' : keeps === 'forever' ? 'for_ever' : keeps,
      refetchesOnUnknownKid: given.unknown_kid === 'refetch',
      perKid: given.per_kid,
      clockSkew: given.clock_skew ?? null,
      cdnAge: given.cdn_age,
      cooldown: given.cooldown,
    }),
  );

const settings = z.strictObject({
  ACCESS_TOKEN_TTL: length.optional(),
  KEY_ROTATION_INTERVAL: length.optional(),
  VERIFIER_CACHE_TTL: length.optional(),
  JWKS_MAX_AGE: duration.optional(),
  CLOCK_SKEW: duration.optional(),
  KEY_LEASE: length.optional(),
});

const event = z.discriminatedUnion('do', [
  z.strictObject({
    at: duration,
    do: z.literal('rotate'),
    if_due: z.boolean().default(false),
    force: z.boolean().default(false),
    when_safe: z.boolean().default(false),
  }),
  z.strictObject({
    at: duration,
    do: z.literal('revoke'),
    key: z.enum(['active', 'next', 'retiring', 'all']),
    now: z.boolean().default(false),
  }),
  z.strictObject({ at: duration, do: z.literal('stop'), for: length }),
  z.strictObject({ at: duration, do: z.literal('settings'), set: settings }),
]);

const verifiersFile = z.strictObject({
  builtin: z.boolean().default(true),
  verifiers: z.array(verifier).max(100).default([]),
});

const planFile = verifiersFile.extend({
  for: length.optional(),
  replicas: z.int().min(1).max(1000).default(3),
  events: z.array(event).max(100).optional(),
});

/**
 * Reads a plan.
 * @throws PlanFault naming line and field of everything that is wrong
 */
export async function readPlan(text: string, policy: KeyPolicy): Promise<RehearsalPlan> {
  const { data, fail } = await readDocument(text, planFile);
  const usual = defaultPlan(policy);
  const plan: RehearsalPlan = {
    length: data.for ?? usual.length,
    replicas: data.replicas,
    events: data.events?.map(eventOf) ?? usual.events,
    verifiers: verifiersOf(data),
  };
  const faults = [...faultsOfVerifiers(data), ...faultsOfEvents(plan, policy)];
  return faults.length > 0 ? fail(faults) : plan;
}

/**
 * Reads what a plan says of verifiers, and nothing else, from a file of its own.
 * @throws PlanFault naming line and field of everything that is wrong
 */
export async function readVerifiers(text: string): Promise<readonly VerifierKind[]> {
  const { data, fail } = await readDocument(text, verifiersFile);
  const faults = faultsOfVerifiers(data);
  return faults.length > 0 ? fail(faults) : verifiersOf(data);
}

type VerifiersFile = z.output<typeof verifiersFile>;

const verifiersOf = ({ builtin, verifiers }: VerifiersFile): VerifierKind[] => [
  ...(builtin ? VERIFIER_KINDS : []),
  ...verifiers,
];

async function readDocument<S extends z.ZodType>(text: string, schema: S) {
  const { value, lineOf } = await readPlanDocument(text);
  const fail = (faults: readonly FieldFault[]): never => {
    const spelled = faults
      .map(({ path, message }) => ({ line: lineOf(path), text: `${spellPath(path)}${message}` }))
      .sort((a, b) => (a.line ?? 0) - (b.line ?? 0))
      .map(({ line, text }) => printable(`${line === undefined ? '' : `line ${line}: `}${text}`));
    throw new PlanFault(spelled.join('\n  '));
  };
  const read = schema.safeParse(value, { error: humanMessage });
  return { data: read.success ? read.data : fail([...fieldFaults(read.error)]), fail };
}

function eventOf(given: z.output<typeof event>): RehearsalEvent {
  const { at } = given;
  switch (given.do) {
    case 'rotate':
      return {
        at,
        do: 'rotate',
        ifDue: given.if_due,
        force: given.force,
        whenSafe: given.when_safe,
      };
    case 'revoke':
      return { at, do: 'revoke', key: given.key, immediately: given.now };
    case 'stop':
      return { at, do: 'stop', length: given.for };
    case 'settings':
      return { at, do: 'settings', settings: settingsOf(given.set) };
  }
}

const settingsOf = (given: z.output<typeof settings>): Partial<KeyPolicy> =>
  Object.fromEntries(
    Object.entries(SETTING_NAMES).flatMap(([name, variable]) => {
      const value = given[variable as keyof typeof given];
      return value === undefined ? [] : [[name, value]];
    }),
  );

function faultsOfVerifiers({ builtin, verifiers }: VerifiersFile): FieldFault[] {
  if (verifiers.length === 0 && !builtin) {
    return [{ path: ['verifiers'], message: 'without the built-in ones, some are wanted' }];
  }
  const taken = new Set(builtin ? VERIFIER_KINDS.map(({ name }) => name) : []);
  return verifiers.flatMap(({ name }, n) => {
    if (!taken.has(name)) {
      taken.add(name);
      return [];
    }
    return { path: ['verifiers', n, 'name'], message: `another is called ${name} already` };
  });
}

/** Judges the events as the configuration judges settings, and against the length of the plan. */
function faultsOfEvents(plan: RehearsalPlan, policy: KeyPolicy): FieldFault[] {
  const faults: FieldFault[] = [];
  let settled = policy;
  let shortest = policy.keyRotationInterval;
  for (const [n, planned] of plan.events.entries()) {
    if (planned.at > plan.length) {
      const end = formatDuration(plan.length);
      faults.push({ path: ['events', n, 'at'], message: `is after the end, ${end}` });
    }
    if (planned.do !== 'settings') continue;
    settled = { ...settled, ...planned.settings };
    const needed = propagationTime(settled);
    if (settled.keyRotationInterval < needed) {
      faults.push({
        path: ['events', n, 'set'],
        message: `KEY_ROTATION_INTERVAL must be ${formatDuration(needed)} or more with these`,
      });
    }
    shortest = Math.min(shortest, settled.keyRotationInterval) as Duration;
  }
  if (plan.length > times(MOST_ROTATIONS, shortest)) {
    const most = formatDuration(times(MOST_ROTATIONS, shortest));
    faults.push({
      path: ['for'],
      message: `is more than ${MOST_ROTATIONS} rotations; up to ${most}`,
    });
  }
  return faults;
}

/** `events[0].at: `, or nothing for the plan as a whole. */
const spellPath = (path: readonly PropertyKey[]): string => {
  const spelled = path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part) || '""'}`))
    .join('')
    .replace(/^\./, '');
  return spelled && `${spelled}: `;
};
