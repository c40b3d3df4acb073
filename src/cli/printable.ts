/** What moves the cursor, turns the direction of reading, or is not seen; an empty Braille cell is not. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u{2800}]/gv;

/** Of that, what gives a Han character or an emoji its looks, and what joins several to one. */
const LOOKS =
  /(?<=\p{sc=Han})[\u{e0100}-\u{e01ef}]|(?<=[0-9#*])\u{fe0f}(?=\u{20e3})|(?<=\p{Extended_Pictographic})[\u{fe0e}\u{fe0f}]|(?<=\p{Extended_Pictographic}[\u{fe0f}\p{Emoji_Modifier}]?)\u{200d}(?=\p{Extended_Pictographic})/vy;

/** And what says whether two letters of a script join that writes them joined. */
const JOINS =
  /(?<=[\p{sc=Arab}\p{sc=Deva}\p{sc=Beng}\p{sc=Gujr}\p{sc=Guru}\p{sc=Knda}\p{sc=Mlym}\p{sc=Orya}\p{sc=Sinh}\p{sc=Taml}\p{sc=Telu}])[\u{200c}\u{200d}](?=[\p{sc=Arab}\p{sc=Deva}\p{sc=Beng}\p{sc=Gujr}\p{sc=Guru}\p{sc=Knda}\p{sc=Mlym}\p{sc=Orya}\p{sc=Sinh}\p{sc=Taml}\p{sc=Telu}])/vy;

/** What others wrote, on one line of a terminal: it must not pass for anything but itself. */
export const printable = (text: string): string =>
  text.replace(UNSEEN, (sign, at: number) =>
    [LOOKS, JOINS].some((pattern) => isAt(pattern, text, at))
      ? sign
      : `\\u{${(sign.codePointAt(0) ?? 0).toString(16)}}`,
  );

function isAt(pattern: RegExp, text: string, at: number): boolean {
  pattern.lastIndex = at;
  return pattern.test(text);
}
