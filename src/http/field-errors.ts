import type { z } from 'zod';
import type { FieldError } from '../kit/errors.ts';

const MAX_ERRORS = 20;
const MAX_NAME = 64;

/** What is wrong with one field. */
export interface FieldFault {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** zod's issues one by one, unknown fields too. */
export function* fieldFaults(error: z.core.$ZodError): Generator<FieldFault> {
  for (const issue of error.issues) {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) {
        yield { path: [...issue.path, key], message: 'is not a known field' };
      }
    } else {
      yield { path: issue.path, message: issue.message };
    }
  }
}

/** zod's issues as a problem's `errors`, bounded in number. */
export function fieldErrors(error: z.core.$ZodError): FieldError[] {
  const errors: FieldError[] = [];
  for (const { path, message } of fieldFaults(error)) {
    if (errors.length >= MAX_ERRORS) break;
    errors.push({ path: pathText(path), message });
  }
  return errors;
}

const pathText = (path: readonly PropertyKey[]): string =>
  path.map((part) => short(String(part).toWellFormed())).join('.');

const short = (name: string): string =>
  name.length > MAX_NAME ? `${name.slice(0, MAX_NAME)}…` : name;

/** Says what is wrong with a value in words that follow its path, and never what it was. */
export function humanMessage(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is required' : `must be ${withArticle(issue.expected)}`;
    case 'too_small':
      return `must ${measure(issue.origin)} at least ${issue.minimum}${unit(issue.origin, issue.minimum)}`;
    case 'too_big':
      return `must ${measure(issue.origin)} at most ${issue.maximum}${unit(issue.origin, issue.maximum)}`;
    case 'invalid_value':
      if (issue.input === undefined) return 'is required';
      return oneOf(issue.values);
    case 'invalid_union':
      return issue.inclusive !== false && issue.options ? oneOf(issue.options) : 'is not valid';
    case 'unrecognized_keys':
      return 'has unknown fields';
    case 'invalid_format':
      return issue.format === 'regex' ? 'has the wrong form' : `must be a valid ${issue.format}`;
    default:
      return 'is not valid';
  }
}

const oneOf = (values: readonly unknown[]): string =>
  `must be one of: ${values.map((value) => String(value)).join(', ')}`;

const withArticle = (type: string): string =>
  type === 'int' ? 'a whole number' : `${/^[aeio]/.test(type) ? 'an' : 'a'} ${type}`;

const measure = (origin: string): string =>
  origin === 'string' || origin === 'array' ? 'have' : 'be';

function unit(origin: string, count: number | bigint): string {
  const s = Number(count) === 1 ? '' : 's';
  if (origin === 'string') return ` character${s}`;
  return origin === 'array' ? ` item${s}` : '';
}
