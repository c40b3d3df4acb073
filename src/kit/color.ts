/** Red, green and blue, 0 to 255. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** Reads `#rgb` or `#rrggbb`, as the configuration has checked it. */
export function parseHex(text: string): Rgb {
  const digits = text.slice(1);
  const full = digits.length === 3 ? digits.replaceAll(/./g, '$&$&') : digits;
  const number = Number.parseInt(full, 16);
  return [number >> 16, (number >> 8) & 255, number & 255];
}

/** Writes `#rrggbb`. */
export const formatHex = (color: Rgb): string =>
  `#${color.map((part) => Math.round(part).toString(16).padStart(2, '0')).join('')}`;

/** A colour on its way to another; `share` 0 is the first, 1 the second. */
export const mix = (from: Rgb, to: Rgb, share: number): Rgb => [
  from[0] + (to[0] - from[0]) * share,
  from[1] + (to[1] - from[1]) * share,
  from[2] + (to[2] - from[2]) * share,
];

/** WCAG 2.2's relative luminance, 0 to 1. */
function luminance(color: Rgb): number {
  const [r, g, b] = color.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** WCAG 2.2's contrast ratio, 1 to 21. */
export function contrast(a: Rgb, b: Rgb): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

const BLACK: Rgb = [0, 0, 0];
const WHITE: Rgb = [255, 255, 255];

/** Black or white, whichever is read better on a colour. */
export const readableOn = (ground: Rgb): Rgb =>
  contrast(ground, WHITE) >= contrast(ground, BLACK) ? WHITE : BLACK;

const STEPS = 40;

/** The colour nearest to `color` on its way to `end` that is read on every one of `grounds`. */
export function readable(color: Rgb, grounds: readonly Rgb[], end: Rgb, ratio: number): Rgb {
  for (let step = 0; step < STEPS; step++) {
    const candidate = mix(color, end, step / STEPS);
    const rounded = parseHex(formatHex(candidate));
    if (grounds.every((ground) => contrast(rounded, ground) >= ratio)) return rounded;
  }
  return end;
}
