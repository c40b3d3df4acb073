import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { fieldErrors, humanMessage } from '../../http/field-errors.ts';
import { emailAddress, text } from '../../http/text.ts';
import { isUuid, newUuid, type UserId } from '../../kit/id.ts';
import { JsonFault, parseStrictJson } from '../../kit/json.ts';
import type { PasswordHash } from '../users/argon2-hash.ts';
import type { UserWithHash } from '../users/store.ts';
import { readStoredHash } from '../users/stored-hash.ts';

/** Far above what a line needs; JSON may spell a character in six. */
export const LONGEST_LINE = 16 * 1024;

/** No account is older than this; the database could hold instants that `Date` cannot. */
const EARLIEST = new Date('1970-01-01T00:00:00Z');

const instant = z.iso.datetime({ offset: true, error: 'must be a time in ISO 8601 with its zone' });

const passwordHash = z.string().check((ctx) => {
  const hash = readStoredHash(ctx.value);
  if (typeof hash === 'string') ctx.issues.push({ code: 'custom', input: '', message: hash });
});

const record = z.strictObject({
  id: z.string().refine(isUuid, 'must be a UUID').toLowerCase().optional(),
  email: emailAddress,
  name: text({ min: 1, max: 200 }),
  password_hash: passwordHash.nullable().default(null),
  email_verified: z.boolean().default(false),
  created_at: instant.optional(),
  disabled_at: instant.nullable().default(null),
});

/** What is wrong with a line: words that follow the name of a field, if one is to blame. */
export interface LineFault {
  /** Empty for the line as a whole. */
  readonly field: string;
  readonly message: string;
}

/**
 * Reads a line of an import: a user, with a fresh id where it says none; undefined for one that
 * is blank.
 */
export function parseImportLine(
  line: Buffer | undefined,
  now: Date,
): UserWithHash | undefined | readonly LineFault[] {
  if (!line) return whole(`is longer than ${LONGEST_LINE} bytes`);
  if (!isUtf8(line)) return whole('is not UTF-8');
  const written = line.toString('utf8').replace(/^\ufeff/, '');
  if (written.trim() === '') return undefined;
  let value: unknown;
  try {
    value = parseStrictJson(written, { maxDepth: 2 });
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    return whole(error.message.replace(/ at line 1, column (\d+)$/, ' at column $1'));
  }
  const result = record.safeParse(value, { error: humanMessage });
  if (!result.success) {
    return fieldErrors(result.error).map(({ path, message }) => ({ field: path, message }));
  }
  const { data } = result;
  const createdAt = data.created_at === undefined ? now : new Date(data.created_at);
  const disabledAt = data.disabled_at === null ? null : new Date(data.disabled_at);
  const outside = (at: Date) => at < EARLIEST || at > now;
  const message = 'must lie between 1970 and now';
  if (outside(createdAt)) return [{ field: 'created_at', message }];
  if (disabledAt && outside(disabledAt)) return [{ field: 'disabled_at', message }];
  return {
    id: (data.id ?? newUuid(now)) as UserId,
    email: data.email,
    emailVerified: data.email_verified,
    name: data.name,
    passwordHash: data.password_hash as PasswordHash | null,
    createdAt,
    disabledAt,
  };
}

const whole = (message: string): readonly LineFault[] => [{ field: '', message }];
