import { isUtf8 } from 'node:buffer';
import type { z } from 'zod';
import { AppError, invalidRequest } from '../kit/errors.ts';
import { type Exchange, hasBody, readBytes, unreadable } from './body.ts';
import { fieldErrors, humanMessage } from './field-errors.ts';

const FORM_BODY = {
  name: 'application/x-www-form-urlencoded',
  pattern: /^application\/x-www-form-urlencoded[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?$/i,
};

const MAX_FIELDS = 32;

/** The fields of a form as they came, each once. */
export type Form = ReadonlyMap<string, string>;

/**
 * Reads the urlencoded body of a form (URL standard). Throws an `AppError`: 415 for another media
 * type, 413 above 64 KiB, 400 for broken percent-encoding, bytes that are no UTF-8, too many
 * fields, or a field that comes twice.
 */
export async function readForm(ctx: Exchange): Promise<Form> {
  const form = new Map<string, string>();
  if (!hasBody(ctx.req)) return form;
  const bytes = await readBytes(ctx, FORM_BODY);
  if (!isUtf8(bytes)) throw unreadable('It is not UTF-8.');
  const pairs = bytes.toString('utf8').split('&');
  if (pairs.length > MAX_FIELDS) throw unreadable('It has too many fields.');
  for (const pair of pairs) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decode(equals === -1 ? pair : pair.slice(0, equals));
    if (form.has(name)) throw unreadable('A field comes twice.');
    form.set(name, equals === -1 ? '' : decode(pair.slice(equals + 1)));
  }
  return form;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw unreadable('Its percent-encoding is broken.');
  }
}

/** A form's fields by their schema. @throws AppError `invalid_request` with its `fields` */
export function parseForm<S extends z.ZodType>(form: Form, schema: S): z.output<S> {
  const result = schema.safeParse(Object.fromEntries(form), { error: humanMessage });
  if (result.success) return result.data;
  throw new AppError(invalidRequest, {
    detail: 'Some fields of the form are not valid.',
    fields: fieldErrors(result.error),
  });
}
