import type { z } from 'zod';
import type { FieldError } from '../kit/errors.ts';

const MAX_ERRORS = 20;
const MAX_NAME = 64;

/** zod's issues as a problem's `errors`: unknown fields one by one, all bounded in number. */
export function fieldErrors(error: z.core.$ZodError): FieldError[] {
  const errors: FieldError[] = [];
  for (const issue of error.issues) {
    if (errors.length >= MAX_ERRORS) break;
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys.slice(0, MAX_ERRORS - errors.length)) {
        errors.push({ path: pathText([...issue.path, key]), message: 'is not a known field' });
      }
    } else {
      errors.push({ path: pathText(issue.path), message: issue.message });
    }
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
      return `must ${measure(issue.origin)} at least ${issue.minimum}${unit(issue.origin)}`;
    case 'too_big':
      return `must ${measure(issue.origin)} at most ${issue.maximum}${unit(issue.origin)}`;
    case 'invalid_value':
      if (issue.input === undefined) return 'is required';
      return `must be one of: ${issue.values.map((value) => String(value)).join(', ')}`;
    case 'unrecognized_keys':
      return 'has unknown fields';
    case 'invalid_format':
      return issue.format === 'regex' ? 'has the wrong form' : `must be a valid ${issue.format}`;
    default:
      return 'is not valid';
  }
}

const withArticle = (type: string): string => `${/^[aeio]/.test(type) ? 'an' : 'a'} ${type}`;

const measure = (origin: string): string =>
  origin === 'string' || origin === 'array' ? 'have' : 'be';

function unit(origin: string): string {
  if (origin === 'string') return ' characters';
  return origin === 'array' ? ' items' : '';
}
