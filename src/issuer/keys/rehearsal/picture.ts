import {
  after,
  elapsed,
  formatDuration,
  milliseconds,
  spellDuration,
} from '../../../kit/duration.ts';
import type { Kid } from '../../../kit/id.ts';
import type { History } from './history.ts';
import {
  type Drawing,
  GUTTER,
  KEY_LANE,
  keyLane,
  type Life,
  VERIFIER_LANE,
  verifierLane,
} from './picture-lanes.ts';
import { createTimeScale } from './picture-scale.ts';
import { rect, round, text } from './picture-shapes.ts';
import { escapeXml, LEGEND, STYLE } from './picture-style.ts';
import { START } from './plan.ts';
import type { Rehearsal } from './rehearse.ts';
import { spellSettings } from './wording.ts';

/** More keys than this are left out, and the picture says so. */
const MOST_KEYS = 40;
const RIGHT_EDGE = 24;
const NARROWEST = 720;
const TIME_ROWS = 3;

/** Draws a rehearsal as SVG that needs nothing else: keys, their tokens, and verifiers' caches. */
export function drawRehearsal(rehearsal: Rehearsal): string {
  const all = livesOf(rehearsal.history);
  const lives = all.slice(0, MOST_KEYS);
  const cut = all[MOST_KEYS]?.since.next ?? after(START, rehearsal.length);
  const end = cut > START ? cut : after(START, milliseconds(1));
  const scale = createTimeScale(milestonesOf(lives, end), NARROWEST);
  const width = GUTTER + scale.width + RIGHT_EDGE;
  const keysTop = 96 + TIME_ROWS * 14;
  const verifiersTop = keysTop + lives.length * KEY_LANE + 34;
  const bottom = verifiersTop + rehearsal.verifiers.length * VERIFIER_LANE;
  const height = bottom + 54;
  const drawing = { scale, end, lives, width };
  const shown = all.length > MOST_KEYS ? `, the first ${MOST_KEYS} of ${all.length} keys` : '';
  const title = `Keys, tokens and caches: ${formatDuration(rehearsal.length)} rehearsed${shown}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${round(width)} ${height}" width="${round(width)}" height="${height}" role="img" aria-label="${escapeXml(title)}">`,
    `<title>${escapeXml(title)}</title>`,
    `<style>${STYLE}</style>`,
    rect('paper', 0, 0, width, height, 0),
    text('title', 20, 30, title),
    text(rehearsal.honest ? 'good' : 'bad', 20, 50, verdictOf(rehearsal)),
    legend(),
    text('head', 20, keysTop - 10, 'Keys'),
    ...lives.map((life, n) => keyLane(life, keysTop + n * KEY_LANE, rehearsal, drawing)),
    text('head', 20, verifiersTop - 10, 'Verifiers, and how long each keeps a JWKS'),
    ...rehearsal.verifiers.map((verdict, n) =>
      verifierLane(verdict, verifiersTop + n * VERIFIER_LANE, rehearsal, drawing),
    ),
    timeLines(drawing, { top: keysTop - 6, until: verifiersTop - 28, from: verifiersTop, bottom }),
    text('note', 20, height - 32, spellSettings(rehearsal.policy).join('   ')),
    text('note', 20, height - 14, 'From each dotted line, time runs by its logarithm.'),
    '</svg>\n',
  ].join('\n');
}

function livesOf({ happenings }: History): Life[] {
  const lives = new Map<Kid, Life>();
  for (const happening of happenings) {
    if (happening.kind !== 'state') continue;
    const { kid, state, at } = happening;
    lives.set(kid, { kid, since: { ...lives.get(kid)?.since, [state]: at } });
  }
  return [...lives.values()];
}

/** The instants at which a key enters a state, without those that follow within a lane's width. */
function milestonesOf(lives: readonly Life[], end: Date): Date[] {
  const dates = lives.flatMap(({ since }) =>
    [since.next, since.active, since.revoked].filter((date) => date !== undefined),
  );
  const times = [...new Set([START, ...dates, end].map(Number))].sort((a, b) => a - b);
  return times.filter((time) => time <= +end).map((time) => new Date(time));
}

/** A dotted line, with a gap for the second heading, and its time wherever signatures change. */
function timeLines(
  { lives, scale, end }: Drawing,
  { top, until, from, bottom }: Record<'top' | 'until' | 'from' | 'bottom', number>,
): string {
  const dates = lives.flatMap(({ since }) => [since.active, since.revoked]);
  const times = [...new Set([START, ...dates.filter((date) => date !== undefined)].map(Number))];
  const free: number[] = Array.from({ length: TIME_ROWS }, () => 0);
  const drawn = times
    .sort((a, b) => a - b)
    .filter((time) => time <= +end)
    .map((time) => {
      const x = GUTTER + scale.x(new Date(time));
      const label = spellDuration(elapsed(START, new Date(time)));
      const room = label.length * 6.5 + 8;
      // At the right end the label stands before its line.
      const left = Math.min(x, GUTTER + scale.width + RIGHT_EDGE - room);
      const line = `<path class="line" d="M${round(x)} ${top}V${until}M${round(x)} ${from}V${bottom}"/>`;
      // In the lowest row where it touches no other; where there is none the line stands alone.
      const row = free.findIndex((edge) => edge <= left);
      if (row < 0) return line;
      free[row] = left + room;
      return line + text('time', left, top - 4 - row * 14, label);
    });
  return drawn.join('');
}

function legend(): string {
  let x = 20;
  const parts = LEGEND.map(([style, meaning]) => {
    const part = rect(style, x, 66, 14, 10, 2) + text('note', x + 19, 75, meaning);
    x += 19 + meaning.length * 6 + 22;
    return part;
  });
  return parts.join('');
}

function verdictOf({ verifiers, honest }: Rehearsal): string {
  const rejecting = verifiers.filter(({ verdict }) => verdict === 'rejects');
  if (honest) return 'No honest token is rejected.';
  return `Honest tokens are rejected by ${rejecting.length} of ${verifiers.length} verifiers.`;
}
