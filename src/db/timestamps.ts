import pg from 'pg';

const parseAny: (text: string) => Date | number = pg.types.getTypeParser(
  pg.types.builtins.TIMESTAMPTZ,
);

/** `2026-01-01 00:00:00.123456+00`, the fraction as long as it has to be. */
const LEAST = '2026-01-01 00:00:00+00'.length;
const [ZERO, PLUS, HYPHEN] = [0x30, 0x2b, 0x2d];
const MINUTE = 60_000;

/**
 * Reads a `timestamptz` as the driver does, cut off to milliseconds, but five times as fast where
 * the session is in UTC and the year has four digits: each row of a list has two of them.
 */
export function parseTimestamp(text: string): Date | number {
  const { length } = text;
  const isUtc = text.charCodeAt(length - 3) === PLUS && twoDigits(text, length - 2) === 0;
  const hasYear = text.charCodeAt(0) > ZERO && text.charCodeAt(4) === HYPHEN;
  if (length < LEAST || !isUtc || !hasYear) return parseAny(text);
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const days = daysSince1970(year, twoDigits(text, 5), twoDigits(text, 8));
  const minutes = (days * 24 + twoDigits(text, 11)) * 60 + twoDigits(text, 14);
  return new Date(minutes * MINUTE + twoDigits(text, 17) * 1000 + millisecondsIn(text));
}

const digit = (text: string, at: number): number => text.charCodeAt(at) - ZERO;
const twoDigits = (text: string, at: number): number => digit(text, at) * 10 + digit(text, at + 1);

function millisecondsIn(text: string): number {
  switch (text.length - LEAST) {
    case 0:
      return 0;
    case 2:
      return digit(text, 20) * 100;
    case 3:
      return twoDigits(text, 20) * 10;
    default:
      return twoDigits(text, 20) * 10 + digit(text, 22);
  }
}

/** Of the Gregorian calendar; a year begins in March, so that the leap day is its last. */
function daysSince1970(year: number, month: number, day: number): number {
  const [y, m] = month > 2 ? [year, month - 3] : [year - 1, month + 9];
  const leapDays = (y >> 2) - Math.trunc(y / 100) + Math.trunc(y / 400);
  return 365 * y + leapDays + Math.trunc((153 * m + 2) / 5) + day - 719_469;
}
