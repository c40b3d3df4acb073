import type { KeyPolicy } from '../issuer/keys/life-cycle.ts';
import type { Happening } from '../issuer/keys/rehearsal/history.ts';
import type { Mend } from '../issuer/keys/rehearsal/mend.ts';
import { START } from '../issuer/keys/rehearsal/plan.ts';
import type { Rehearsal } from '../issuer/keys/rehearsal/rehearse.ts';
import type { RefusedTokens } from '../issuer/keys/rehearsal/verdict.ts';
import { complain, namedSettings } from '../issuer/keys/rehearsal/wording.ts';

/** Seconds since the rehearsal began; null for never. */
const at = (instant: Date | null): number | null =>
  instant && (instant.getTime() - START.getTime()) / 1000;

/** A rehearsal for machines; `docs/rehearsal.md` describes the shape. */
export const rehearsalJson = (rehearsal: Rehearsal): object => ({
  honest: rehearsal.honest,
  length: rehearsal.length / 1000,
  settings: settingsJson(rehearsal.policy),
  timeline: rehearsal.history.happenings.map(happeningJson),
  verifiers: rehearsal.verifiers.map((verdict) => ({
    verifier: verdict.verifier.name,
    verdict: verdict.verdict,
    detail: complain(verdict) || null,
    tokens: verdict.tokens.map(tokensJson),
    mend: verdict.mend && mendJson(verdict.mend),
  })),
  revocations: rehearsal.trust.map(({ kid, revocation, stillTrustedBy }) => ({
    kid,
    at: at(revocation.at),
    now: revocation.immediately,
    unknown_kid_at: at(revocation.unknownKidAt),
    still_trusted_by: stillTrustedBy.map(({ verifier, until }) => ({ verifier, until: at(until) })),
  })),
});

function happeningJson(happening: Happening): object {
  const { at: instant, kind, ...rest } = happening;
  const settings = happening.kind === 'settings' && { settings: settingsJson(happening.settings) };
  return { at: at(instant), kind, ...rest, ...settings };
}

const settingsJson = (settings: Partial<KeyPolicy>): Record<string, string> =>
  Object.fromEntries(namedSettings(settings));

const mendJson = ({ settings, without, habits }: Mend): object => ({
  settings: settingsJson(settings),
  without: without.map((flag) => `--${flag}`),
  verifier: habits,
});

const tokensJson = ({ kid, cause, signed, presented, example }: RefusedTokens): object => ({
  kid,
  cause,
  signed_from: at(signed.from),
  signed_until: at(signed.until),
  presented_from: at(presented.from),
  presented_until: at(presented.until),
  example: { signed_at: at(example.signedAt), presented_at: at(example.presentedAt) },
});
