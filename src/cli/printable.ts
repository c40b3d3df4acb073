/** What moves the cursor, turns the direction of reading, or is not seen; emoji keep their looks. */
const UNSEEN =
  /[[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]--\p{Variation_Selector}]/gv;

/** What others wrote, on one line of a terminal: it must not pass for anything but itself. */
export const printable = (text: string): string =>
  text.replace(UNSEEN, (sign) => `\\u{${(sign.codePointAt(0) ?? 0).toString(16)}}`);
