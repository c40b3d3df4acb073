import type { Happening } from '../issuer/keys/rehearsal/history.ts';
import { START } from '../issuer/keys/rehearsal/plan.ts';
import type {
  Rehearsal,
  RemainingTrustOf,
  VerifierVerdict,
} from '../issuer/keys/rehearsal/rehearse.ts';
import type { RefusedTokens } from '../issuer/keys/rehearsal/verdict.ts';
import {
  complain,
  spellEarlyFetch,
  spellKeeping,
  spellSettings,
} from '../issuer/keys/rehearsal/wording.ts';
import { elapsed, formatDuration, spellDuration } from '../kit/duration.ts';
import { printable } from './printable.ts';
import { table } from './table.ts';

/** A rehearsal for people: what happens, what each verifier makes of it, and the verdict. */
export const describeRehearsal = (rehearsal: Rehearsal): string =>
  [
    `Rehearsed: ${formatDuration(rehearsal.length)} with ${spellSettings(rehearsal.policy).join(' ')}\n`,
    timeline(rehearsal),
    verifiers(rehearsal),
    ...rehearsal.trust.map(remaining),
    conclusion(rehearsal),
  ]
    .join('\n')
    .split('\n')
    .map(printable)
    .join('\n');

/** How long after the start an instant is. */
const when = (instant: Date | null): string =>
  instant === null ? 'its restart' : spellDuration(elapsed(START, instant));

function timeline({ history }: Rehearsal): string {
  const states = new Map<string, string>();
  const rows = [...Map.groupBy(history.happenings, ({ at }) => +at).values()].map((together) => {
    for (const happening of together) {
      if (happening.kind === 'state') states.set(happening.kid, happening.state);
    }
    const holding = (state: string) =>
      [...states].flatMap(([kid, held]) => (held === state ? kid : [])).join(' ') || '-';
    return [
      when(together[0]?.at ?? null),
      holding('active'),
      holding('next'),
      holding('retiring'),
      together.map(tell).join(', '),
    ];
  });
  return table([['WHEN', 'SIGNS', 'NEXT', 'RETIRING', 'WHAT'], ...rows]);
}

const STATES = {
  next: 'is published',
  active: 'signs',
  retiring: 'retires',
  gone: 'is gone',
  revoked: 'is revoked',
} as const;

function tell(happening: Happening): string {
  switch (happening.kind) {
    case 'state':
      return `${happening.kid} ${STATES[happening.state]}`;
    case 'refused':
      return `${happening.command} is refused: ${happening.reason}`;
    case 'stopped':
      return 'nothing turns keys from here';
    case 'resumed':
      return 'keys are turned again';
    case 'settings':
      return spellSettings(happening.settings).join(' ');
  }
}

const VERDICTS = {
  never_wrong: 'never wrong',
  early_fetch: 'right by an early fetch',
  rejects: 'REJECTS',
} as const;

function verifiers({ verifiers }: Rehearsal): string {
  const rows = verifiers.map(({ verifier, verdict, tokens }) => [
    verifier.name,
    spellKeeping(verifier),
    spellEarlyFetch(verifier),
    VERDICTS[verdict] + (verdict === 'rejects' ? ` ${spellSpans(tokens)}` : ''),
  ]);
  const details = verifiers.filter(({ verdict }) => verdict !== 'never_wrong').map(detail);
  const heads = ['VERIFIER', 'KEEPS A JWKS', 'UNKNOWN KID', 'VERDICT'];
  return [table([heads, ...rows]), ...details].join('\n');
}

/** Where the first refusal begins and the last ends; the rest is said below the table. */
function spellSpans(tokens: readonly RefusedTokens[]): string {
  const [first] = tokens;
  const last = tokens.at(-1);
  return first && last ? `from ${when(first.presented.from)} to ${when(last.presented.until)}` : '';
}

/** More than so many keys are alike. */
const SHOWN = 4;

function detail(verdict: VerifierVerdict): string {
  const { tokens } = verdict;
  const lines = tokens
    .slice(0, SHOWN)
    .map(
      ({ kid, signed, presented, example }) =>
        `  ${kid}: signed from ${when(signed.from)} to ${when(signed.until)}, presented from ` +
        `${when(presented.from)} to ${when(presented.until)}; for example signed at ` +
        `${when(example.signedAt)}, presented at ${when(example.presentedAt)}\n`,
    );
  if (verdict.verdict === 'early_fetch') return `${complain(verdict)}\n`;
  const more = tokens.length > SHOWN ? `  and so on, for ${tokens.length - SHOWN} more\n` : '';
  return `${complain(verdict)}\n${lines.join('')}${more}`;
}

function remaining({ kid, revocation, stillTrustedBy }: RemainingTrustOf): string {
  const rows = stillTrustedBy.map(({ verifier, until }) => [
    verifier,
    until === null ? 'for ever: restart it' : when(until),
  ]);
  return (
    `${kid} is revoked at ${when(revocation.at)}${revocation.immediately ? ' (--now)' : ''}. Who may ` +
    `still trust it, at the worst:\n\n${table([['VERIFIER', 'UNTIL'], ...rows])}`
  );
}

function conclusion({ verifiers, trust, honest }: Rehearsal): string {
  const rejecting = verifiers.filter(({ verdict }) => verdict === 'rejects');
  const early = rejecting.filter(({ verifier }) => verifier.refetchesOnUnknownKid);
  const note =
    trust.length > 0 && early.length === 0
      ? 'No token signed after the revocation is refused by a verifier that fetches for an unknown kid.\n'
      : '';
  const names = rejecting.map(({ verifier }) => verifier.name).join('; ');
  return honest
    ? `${note}Verdict: no honest token is rejected.\n`
    : `${note}Verdict: honest tokens are rejected by ${rejecting.length} of ${verifiers.length} verifiers: ${names}.\n`;
}
