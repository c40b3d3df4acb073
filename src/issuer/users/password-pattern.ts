/** Longer ones are on no list, and what is long may be of any form. */
const LONGEST = 16;
/** `abcabcabc`, `00000000`: one to four characters, over and over, the last time perhaps not whole. */
const REPEATED = /^([!-~]{1,4}?)\1+([!-~]{0,3})$/;

const UP = ['abcdefghijklmnopqrstuvwxyz', '01234567890123456789'];
const RUNS = [...UP, ...UP.map((run) => [...run].reverse().join(''))];

/**
 * Whether a short password is a pattern that every list of common ones begins with, so that lists
 * which are made for estimating leave it out: a few characters over and over, or a run of the
 * alphabet or the digits, up or down.
 */
export function isPattern(password: string): boolean {
  const text = password.toLowerCase();
  if (text.length > LONGEST) return false;
  const [, unit = '', rest = ''] = REPEATED.exec(text) ?? [];
  return (unit !== '' && unit.startsWith(rest)) || RUNS.some((run) => run.includes(text));
}
