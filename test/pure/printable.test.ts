import { describe, expect, test } from 'vitest';
import { printable } from '../../src/cli/printable.ts';
import { table } from '../../src/cli/table.ts';

describe('what others wrote', () => {
  test.each([
    ['moves the cursor', 'a\u001b[2K\rb', 'a\\u{1b}[2K\\u{d}b'],
    ['turns the direction of reading', 'a\u202eb\u2066c\u200fd', 'a\\u{202e}b\\u{2066}c\\u{200f}d'],
    [
      'is not seen',
      'a\u200bb\u2060c\ufeffd\u3164\u034f',
      'a\\u{200b}b\\u{2060}c\\u{feff}d\\u{3164}\\u{34f}',
    ],
    ['begins a line', 'a\nb\u2028c\u2029d', 'a\\u{a}b\\u{2028}c\\u{2029}d'],
    ['is beyond the first plane', 'a\u{e0041}b', 'a\\u{e0041}b'],
    ['is empty', 'Ann\u2800', 'Ann\\u{2800}'],
    ['picks a form of what has none', 'Ann\ufe00\u{e0101}', 'Ann\\u{fe00}\\u{e0101}'],
    ['joins what does not join', 'A\u200dn\u200cn\ufe0f', 'A\\u{200d}n\\u{200c}n\\u{fe0f}'],
  ])('is written out where it %s', (_, text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  test.each([
    ...['Zoë', '王小明', 'عائشة', 'دریا\u200cبانو', 'दीपा', 'क्\u200dष', "O'Neil-Smith"],
    ...['葛\u{e0100}城', 'ક્\u200dષ', '1️⃣'],
    ...['❤️', '👩🏽\u200d🚀', '👨\u200d👩\u200d👧', '❤️\u200d🔥'],
  ])('is shown as it is: %s', (name) => {
    expect(printable(name)).toBe(name);
  });

  test('keeps to its cell of a table, which is as wide as what is shown', () => {
    const shown = table([
      ['NAME', 'ID'],
      ['a\nok\u202e', '1'],
    ]);
    expect(shown).toBe('NAME              ID\na\\u{a}ok\\u{202e}  1\n');
  });
});
