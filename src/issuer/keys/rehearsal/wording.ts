import { type Duration, formatDuration, spellDuration } from '../../../kit/duration.ts';
import type { KeyPolicy } from '../life-cycle.ts';
import type { VerifierKind } from '../verifiers.ts';
import type { Habit, Mend } from './mend.ts';
import type { VerifierVerdict } from './rehearse.ts';
import { longest } from './verdict.ts';

/** The environment variable behind each time that rotation obeys. */
export const SETTING_NAMES: Readonly<Record<keyof KeyPolicy, string>> = {
  accessTokenTtl: 'ACCESS_TOKEN_TTL',
  keyRotationInterval: 'KEY_ROTATION_INTERVAL',
  verifierCacheTtl: 'VERIFIER_CACHE_TTL',
  jwksMaxAge: 'JWKS_MAX_AGE',
  clockSkew: 'CLOCK_SKEW',
  keyLease: 'KEY_LEASE',
};

/** Settings as one would write them: `VERIFIER_CACHE_TTL=26h`. */
export const spellSettings = (settings: Partial<KeyPolicy>): string[] =>
  namedSettings(settings).map(([name, value]) => `${name}=${value}`);

/** Each setting's variable and value. */
export const namedSettings = (settings: Partial<KeyPolicy>): [name: string, value: string][] =>
  Object.entries(SETTING_NAMES).flatMap(([field, name]) => {
    const value = settings[field as keyof KeyPolicy];
    return value === undefined ? [] : [[name, formatDuration(value)]];
  });

const WITHOUT = {
  force: 'rotating without --force, when it is allowed',
  now: 'revoking without --now',
} as const;

const HABITS: Readonly<Record<Habit, string>> = {
  refetch: 'letting it fetch anew for an unknown kid',
  no_cdn: 'a cache before it that keeps the JWKS no longer than JWKS_MAX_AGE',
  no_cooldown: 'no cooldown of its fetches for unknown kids',
};

/** What a mend consists of: `VERIFIER_CACHE_TTL=26h and KEY_ROTATION_INTERVAL=27h`. */
export const spellMend = ({ settings, without, habits }: Mend): string =>
  [
    ...spellSettings(settings),
    ...without.map((flag) => WITHOUT[flag]),
    ...habits.map((habit) => HABITS[habit]),
  ].join(' and ');

/** How a verifier keeps a JWKS: `24h`, `max-age`, `for ever`, a cache before it included. */
export function spellKeeping({ keeps, cdnAge, perKid }: VerifierKind): string {
  const age = { max_age: 'its max-age', for_ever: 'for ever' };
  const kept = typeof keeps === 'string' ? age[keeps] : formatDuration(keeps);
  return kept + (perKid ? ' a kid' : '') + (cdnAge > 0 ? ` + ${formatDuration(cdnAge)}` : '');
}

/** What a verifier does about an unknown kid: `fetches, 30s apart`, `refuses`. */
export const spellEarlyFetch = ({ refetchesOnUnknownKid, cooldown }: VerifierKind): string =>
  !refetchesOnUnknownKid
    ? 'refuses'
    : cooldown > 0
      ? `fetches, ${formatDuration(cooldown)} apart`
      : 'fetches';

/** What is wrong with a verifier and what mends it, in a sentence or two; '' when nothing is. */
export function complain({ verifier, verdict, tokens, mend }: VerifierVerdict): string {
  if (verdict === 'never_wrong') return '';
  const unseen = tokens.filter(({ cause }) => cause === 'unseen');
  const gone = tokens.filter(({ cause }) => cause === 'gone');
  const early = verdict === 'early_fetch';
  const faults = [
    ...(unseen.length > 0
      ? [
          `${early ? 'it knows a new key only by an early fetch, and where that fails refuses' : 'it may refuse'} ` +
            `good tokens ${spellLength(longest(unseen))} after a key begins to sign`,
        ]
      : []),
    ...(gone.length > 0
      ? [`it may refuse good tokens ${spellLength(longest(gone))} after their key has gone`]
      : []),
  ];
  const remedy = mend
    ? `Mended by ${spellMend(mend)}.`
    : `No setting ${early ? 'spares it' : 'mends'} that.`;
  return `${verifier.name} keeps a JWKS ${forHow(verifier)}: ${faults.join(', and ')}. ${remedy}`;
}

const forHow = (verifier: VerifierKind): string =>
  verifier.keeps === 'for_ever' ? spellKeeping(verifier) : `for ${spellKeeping(verifier)}`;

const spellLength = (length: Duration | null): string =>
  length === null ? 'for ever' : `for up to ${spellDuration(length)}`;
