/** How hard a password is to guess, roughly, from 0 (too short) to 3. */
export type Level = 0 | 1 | 2 | 3;

const CLASSES: readonly (readonly [pattern: RegExp, size: number])[] = [
  [/[a-z]/, 26],
  [/[A-Z]/, 26],
  [/[0-9]/, 10],
  [/[^a-zA-Z0-9]/, 33],
];

/** Every schoolchild types these: whatever is around them carries the weight. */
const WORN = /passw[o0]rd|qwerty|azerty|qwertz|letmein|welcome|admin|iloveyou|1234+|4321|abc+d?/gi;

/**
 * Estimates a new password by its length, its alphabet, and what repeats in it. A hint while one
 * types, not a rule: only the length and the server's list of common passwords refuse.
 * @param minLength code points that are asked for
 */
export function strengthOf(password: string, minLength: number): Level {
  const points = [...password.normalize('NFC')];
  if (points.length < minLength) return 0;
  const bits = entropyOf(password.replaceAll(WORN, '!'));
  if (bits < 45) return 1;
  return bits < 65 ? 2 : 3;
}

/** Bits, if it were random; a sign that continues a run (`aaa`, `345`, `fed`) counts little. */
function entropyOf(text: string): number {
  const alphabet = CLASSES.reduce(
    (sum, [pattern, size]) => sum + (pattern.test(text) ? size : 0),
    0,
  );
  if (alphabet === 0) return 0;
  const codes = [...text].map((sign) => sign.codePointAt(0) ?? 0);
  const steps = codes.map((code, index) => code - (codes[index - 1] ?? Number.NaN));
  const fresh = steps.filter((step, index) => {
    const runs = Math.abs(step) <= 1 && (step === steps[index - 1] || step === 0);
    return !runs;
  });
  const distinct = new Set(codes).size;
  // Few signs over and over are worth what they are worth once, and a little for the length.
  const length = Math.min(fresh.length, distinct * 2.5);
  return length * Math.log2(Math.max(alphabet, 2)) * 0.75;
}
