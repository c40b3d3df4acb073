import {
  after,
  type Duration,
  earliest,
  elapsed,
  spellDuration,
  sum,
} from '../../../kit/duration.ts';
import type { Kid } from '../../../kit/id.ts';
import type { KeyState } from '../life-cycle.ts';
import type { TimeScale } from './picture-scale.ts';
import { rect, round, text } from './picture-shapes.ts';
import { escapeXml } from './picture-style.ts';
import { START } from './plan.ts';
import type { Rehearsal, VerifierVerdict } from './rehearse.ts';
import { spellEarlyFetch, spellKeeping } from './wording.ts';

/** When a key entered each state that it has been in. */
export interface Life {
  readonly kid: Kid;
  readonly since: Partial<Record<KeyState, Date>>;
}

/** What the lanes are drawn on. */
export interface Drawing {
  readonly scale: TimeScale;
  readonly end: Date;
  readonly lives: readonly Life[];
  readonly width: number;
}

/** Where time begins, from the left edge. */
export const GUTTER = 236;
/** The heights of lanes. */
export const KEY_LANE = 34;
export const VERIFIER_LANE = 22;

/** A key: its states, the tokens that it signed, and a cross where it was revoked. */
export function keyLane(life: Life, top: number, { policy }: Rehearsal, drawing: Drawing): string {
  const { kid, since } = life;
  const { next, active, retiring, gone, revoked } = since;
  const last = revoked ?? gone ?? drawing.end;
  const signedUntil = active && (retiring ?? revoked ?? drawing.end);
  const bar = (style: string, from: Date | undefined, until: Date): string =>
    from && from < until ? span(style, from, until, top + 5, 14, drawing) : '';
  const tokensUntil =
    signedUntil && earliest(after(signedUntil, policy.accessTokenTtl), revoked ?? drawing.end);
  const x = GUTTER + drawing.scale.x(last);
  return [
    lane(top, KEY_LANE, drawing),
    text('letter', 20, top + 17, kid),
    text('note', 44, top + 17, story(life)),
    bar('next', next, active ?? last),
    bar('active', active, signedUntil ?? last),
    bar('retiring', retiring, last),
    active && tokensUntil && active < tokensUntil
      ? span('token', active, tokensUntil, top + 22, 4, drawing)
      : '',
    active && signedUntil && active < signedUntil
      ? text('letter on-active', GUTTER + drawing.scale.x(active) + 6, top + 16, kid)
      : '',
    revoked ? `<path class="revoked" d="M${round(x - 5)} ${top + 7}l10 10m0 -10l-10 10"/>` : '',
  ].join('');
}

/** When a key signs, in a few words. */
function story({ since: { active, retiring, revoked } }: Life): string {
  if (!active) return revoked ? 'never signs, revoked' : 'waits';
  const from = spellDuration(elapsed(START, active));
  const until = retiring ?? revoked;
  return `signs ${from}${until ? ` to ${spellDuration(elapsed(START, until))}` : ' on'}`;
}

/** A verifier: when what it keeps may lack a key, and what that does to tokens. */
export function verifierLane(
  { verifier, verdict, tokens }: VerifierVerdict,
  top: number,
  { policy }: Rehearsal,
  drawing: Drawing,
): string {
  const kept = verifier.keeps === 'max_age' ? policy.jwksMaxAge : verifier.keeps;
  const path = sum(policy.keyLease, policy.jwksMaxAge, verifier.cdnAge);
  const lacking = drawing.lives.flatMap(({ since: { next, active, revoked } }) => {
    // Before the first keys there was nothing to keep.
    if (!next || next <= START) return [];
    const known: Date =
      kept === 'for_ever'
        ? (active ?? revoked ?? drawing.end)
        : after(next, sum(path, kept as Duration));
    const until = earliest(known, revoked ?? drawing.end);
    return next < until ? [span('cache', next, until, top + 6, 7, drawing)] : [];
  });
  const style = verdict === 'rejects' ? 'rejects' : 'early';
  const refused = tokens.map(({ presented: { from, until } }) => {
    const last = until ?? drawing.end;
    // However short it is, it must be seen.
    return from < drawing.end ? span(style, from, last, top + 6, 10, drawing, 5) : '';
  });
  const name = verifier.name.length > 26 ? `${verifier.name.slice(0, 25)}…` : verifier.name;
  const habits = `keeps a JWKS ${spellKeeping(verifier)}; an unknown kid: ${spellEarlyFetch(verifier)}`;
  return [
    lane(top, VERIFIER_LANE, drawing),
    `<g><title>${escapeXml(`${verifier.name} ${habits}`)}</title>`,
    text(verdict === 'rejects' ? 'bad' : '', 20, top + 15, name),
    `<text class="note" x="${GUTTER - 12}" y="${top + 15}" text-anchor="end">${escapeXml(shortKeeping(verifier))}</text></g>`,
    ...lacking,
    ...refused,
  ].join('');
}

const shortKeeping = (verifier: VerifierVerdict['verifier']): string =>
  spellKeeping(verifier).replace(' a kid', '').replace('its ', '');

const lane = (top: number, height: number, { width }: Drawing): string =>
  rect('lane', 12, top, width - 24, height - 3, 3);

function span(
  style: string,
  from: Date,
  until: Date,
  top: number,
  height: number,
  { scale }: Drawing,
  narrowest = 1.5,
): string {
  const left = scale.x(from);
  const width = Math.max(narrowest, scale.x(until) - left);
  return rect(style, GUTTER + left, top, width, height, Math.min(3, height / 2));
}
