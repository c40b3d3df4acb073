import { formatHex, mix, parseHex, type Rgb, readable, readableOn } from '../../kit/color.ts';

const BLACK: Rgb = [0, 0, 0];
const WHITE: Rgb = [255, 255, 255];

/** The grounds of `static/look.css`, on which the accent is read. */
export const GROUNDS = {
  light: { paper: parseHex('#f2f4ef'), sheet: parseHex('#fcfdfb') },
  dark: { paper: parseHex('#0f1613'), sheet: parseHex('#161f1b') },
};

/** WCAG 2.2's ratio for text, and a little for rounding. */
const TEXT = 4.6;

/**
 * A style sheet that puts a brand's colour in the place of ours. Whatever the colour, text in it
 * and on it stays readable in both themes: it is darkened or lightened as far as that takes.
 */
export function brandStyle(color: string): string {
  const own = parseHex(color);
  const light = theme(own, GROUNDS.light, BLACK);
  const dark = theme(own, GROUNDS.dark, WHITE);
  return `:root{${light}}@media(prefers-color-scheme:dark){:root{${dark}}}`;
}

function theme(own: Rgb, { paper, sheet }: { paper: Rgb; sheet: Rgb }, end: Rgb): string {
  const wash = mix(paper, own, 0.12);
  const ink = readable(own, [paper, sheet, wash], end, TEXT);
  return [
    `--accent:${formatHex(ink)}`,
    `--on-accent:${formatHex(readableOn(ink))}`,
    `--accent-ink:${formatHex(ink)}`,
    `--accent-wash:${formatHex(wash)}`,
  ].join(';');
}
