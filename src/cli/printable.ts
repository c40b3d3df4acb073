/** Scripts whose letters join, or do not, by a sign that is not seen. */
const JOINING =
  '[\\p{Script=Arabic}\\p{Script=Devanagari}\\p{Script=Bengali}\\p{Script=Gujarati}' +
  '\\p{Script=Gurmukhi}\\p{Script=Kannada}\\p{Script=Malayalam}\\p{Script=Oriya}' +
  '\\p{Script=Sinhala}\\p{Script=Tamil}\\p{Script=Telugu}]';

/**
 * What moves the cursor, turns the direction of reading, or is not seen (the empty Braille pattern
 * as well); but for what gives an emoji its looks, and joins or parts the letters of a word.
 */
const UNSEEN = new RegExp(
  '(?!(?<=\\p{Extended_Pictographic})[\\u{fe0e}\\u{fe0f}])' +
    '(?!(?<=\\p{Extended_Pictographic}[\\u{fe0f}\\p{Emoji_Modifier}]?)\\u{200d}\\p{Extended_Pictographic})' +
    `(?!(?<=${JOINING})[\\u{200c}\\u{200d}]${JOINING})` +
    '[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}\\u{2800}]',
  'gv',
);

/** What others wrote, on one line of a terminal: it must not pass for anything but itself. */
export const printable = (text: string): string =>
  text.replace(UNSEEN, (sign) => `\\u{${(sign.codePointAt(0) ?? 0).toString(16)}}`);
