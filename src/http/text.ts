import { z } from 'zod';

/** Bounds of a text, in Unicode code points. */
export interface TextOptions {
  readonly min?: number;
  readonly max: number;
  /** Whether white space around it is dropped first; it is unless told otherwise. */
  readonly trim?: boolean;
  /** Whether it may hold line breaks and tabs. */
  readonly multiline?: boolean;
}

const CONTROL = /\p{Cc}/u;
const CONTROL_BUT_LINES = /[^\P{Cc}\n\r\t]/u;

/** A human text: no control characters, no lone surrogates (no database stores either well). */
export function text({ min = 0, max, trim = true, multiline = false }: TextOptions): z.ZodString {
  const control = multiline ? CONTROL_BUT_LINES : CONTROL;
  const base = trim ? z.string().trim() : z.string();
  const checked = base.check((ctx) => {
    const fault = textFault(ctx.value, min, max, control);
    if (fault) ctx.issues.push({ code: 'custom', input: ctx.value, message: fault });
  });
  // For JSON Schema, which counts code points, too.
  return checked.meta({ ...(min > 0 && { minLength: min }), maxLength: max });
}

function textFault(value: string, min: number, max: number, control: RegExp): string | undefined {
  // A code point takes at most two units: no need to count the points of something far too long.
  const length = value.length > 2 * max ? value.length : codePoints(value);
  if (length > max) return `must have at most ${max} characters`;
  if (length < min) return min === 1 ? 'must not be empty' : `must have at least ${min} characters`;
  if (!value.isWellFormed()) return 'must not contain lone surrogates';
  if (control.test(value)) return 'must not contain control characters';
  return undefined;
}

/** The length of a text in Unicode code points. */
export function codePoints(value: string): number {
  let count = 0;
  for (const _ of value) count += 1;
  return count;
}

const NO_ADDRESS = 'must be an email address';

/**
 * An email address in the one form we keep: trimmed, ASCII, lower case, at most 254 characters.
 * ASCII is checked before the case is changed: the Kelvin sign becomes a plain k.
 */
export const emailAddress = z
  .string()
  .trim()
  .max(254, { abort: true })
  .regex(/^[\x21-\x7e]+$/, { error: NO_ADDRESS, abort: true })
  .toLowerCase()
  .pipe(z.email({ error: NO_ADDRESS }))
  .meta({ format: 'email' });

const MAX_PASSWORD_UNITS = 4096;

/** A password as it came: neither trimmed nor normalised; at most 4,096 UTF-16 units, no NUL. */
export const passwordText = passwordUpTo(MAX_PASSWORD_UNITS).meta({
  format: 'password',
  minLength: 8,
  maxLength: 128,
  description:
    'In code points after NFC normalisation; this service may ask for more than eight. Common ' +
    'ones are refused.',
});

/** A password that is held against a stored one: however long it is, it is merely a wrong one. */
export const presentedPassword = passwordUpTo(Number.POSITIVE_INFINITY).meta({
  format: 'password',
});

function passwordUpTo(units: number) {
  return z.string().check((ctx) => {
    const fault = ctx.value.length > units ? 'is too long' : passwordFault(ctx.value);
    if (fault) ctx.issues.push({ code: 'custom', input: '', message: fault });
  });
}

function passwordFault(value: string): string | undefined {
  if (value.includes('\0')) return 'must not contain NUL';
  if (!value.isWellFormed()) return 'must not contain lone surrogates';
  return undefined;
}
