/** What is wrong with a JSON text, for people and for tests. */
export type JsonFaultKind = 'syntax' | 'duplicate_member' | 'forbidden_member' | 'too_deep';

/** A JSON text that was refused; its message says what and where and quotes no values. */
export class JsonFault extends Error {
  override readonly name = 'JsonFault';
  readonly kind: JsonFaultKind;
  /** Index of the UTF-16 unit at which the fault was seen. */
  readonly offset: number;

  constructor(kind: JsonFaultKind, what: string, text: string, offset: number) {
    super(`${what} at ${place(text, offset)}`);
    this.kind = kind;
    this.offset = offset;
  }
}

/** How far `parseStrictJson` lets objects and arrays nest; `{}` has a depth of 1. */
export interface StrictJsonOptions {
  readonly maxDepth: number;
}

/**
 * Reads a JSON text (RFC 8259) as `JSON.parse` does, but refuses what two readers may understand
 * differently or what harms a careless one: members that occur twice in an object (also when
 * spelled with escapes), `__proto__`, `constructor.prototype`, and deep nesting.
 * Throws a `JsonFault`.
 */
export function parseStrictJson(text: string, options: StrictJsonOptions): unknown {
  let value: unknown;
  let readable = true;
  try {
    value = JSON.parse(text);
  } catch {
    // The engine's own message quotes the input, which may hold a password; the scan says where.
    readable = false;
  }
  const scan: Scan = { text, at: 0, maxDepth: options.maxDepth };
  scanValue(scan, 1, '');
  skipSpace(scan);
  if (!readable || scan.at < text.length) throw unexpected(scan);
  return value;
}

interface Scan {
  readonly text: string;
  at: number;
  readonly maxDepth: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
/** From here on a list is searched by a Set; below it, looking through an array is faster. */
const MANY_NAMES = 12;

function scanValue(scan: Scan, depth: number, memberName: string): void {
  skipSpace(scan);
  const sign = scan.text[scan.at];
  if (sign === '"') skipString(scan);
  else if (sign === '{') scanObject(scan, depth, memberName);
  else if (sign === '[') scanArray(scan, depth);
  else if (sign === 't') skipWord(scan, 'true');
  else if (sign === 'f') skipWord(scan, 'false');
  else if (sign === 'n') skipWord(scan, 'null');
  else skipNumber(scan);
}

function scanObject(scan: Scan, depth: number, memberName: string): void {
  enter(scan, depth);
  if (takes(scan, '}')) return;
  const names: string[] = [];
  let many: Set<string> | undefined;
  do {
    skipSpace(scan);
    const start = scan.at;
    const name = scanName(scan);
    if (many ? many.has(name) : names.includes(name)) {
      throw fault(scan, 'duplicate_member', `Member ${quoted(name)} occurs twice`, start);
    }
    if (name === '__proto__' || (name === 'prototype' && memberName === 'constructor')) {
      throw fault(scan, 'forbidden_member', `Member ${quoted(name)} is not allowed`, start);
    }
    if (many) many.add(name);
    else if (names.push(name) > MANY_NAMES) many = new Set(names);
    if (!takes(scan, ':')) throw unexpected(scan);
    scanValue(scan, depth + 1, name);
  } while (takes(scan, ','));
  if (!takes(scan, '}')) throw unexpected(scan);
}

function scanArray(scan: Scan, depth: number): void {
  enter(scan, depth);
  if (takes(scan, ']')) return;
  do scanValue(scan, depth + 1, '');
  while (takes(scan, ','));
  if (!takes(scan, ']')) throw unexpected(scan);
}

function enter(scan: Scan, depth: number): void {
  if (depth > scan.maxDepth) {
    throw fault(scan, 'too_deep', `More than ${scan.maxDepth} levels of nesting`, scan.at);
  }
  scan.at += 1;
}

function scanName(scan: Scan): string {
  const start = scan.at;
  if (scan.text.charCodeAt(start) !== QUOTE) throw unexpected(scan);
  const escaped = skipString(scan);
  return escaped
    ? (JSON.parse(scan.text.slice(start, scan.at)) as string)
    : scan.text.slice(start + 1, scan.at - 1);
}

/** Moves behind a string and says whether it held an escape. */
function skipString(scan: Scan): boolean {
  const { text } = scan;
  let escaped = false;
  let at = scan.at + 1;
  for (; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) {
      scan.at = at + 1;
      return escaped;
    }
    if (unit < 0x20) break;
    if (unit === BACKSLASH) {
      escaped = true;
      ESCAPE.lastIndex = at;
      if (!ESCAPE.test(text)) break;
      at = ESCAPE.lastIndex - 1;
    }
  }
  scan.at = at;
  throw unexpected(scan);
}

function skipNumber(scan: Scan): void {
  NUMBER.lastIndex = scan.at;
  if (!NUMBER.test(scan.text)) throw unexpected(scan);
  scan.at = NUMBER.lastIndex;
}

function skipWord(scan: Scan, word: string): void {
  if (!scan.text.startsWith(word, scan.at)) throw unexpected(scan);
  scan.at += word.length;
}

function skipSpace(scan: Scan): void {
  for (;;) {
    const unit = scan.text.charCodeAt(scan.at);
    if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return;
    scan.at += 1;
  }
}

function takes(scan: Scan, sign: string): boolean {
  skipSpace(scan);
  if (scan.text[scan.at] !== sign) return false;
  scan.at += 1;
  return true;
}

const fault = (scan: Scan, kind: JsonFaultKind, what: string, offset: number): JsonFault =>
  new JsonFault(kind, what, scan.text, offset);

function unexpected(scan: Scan): JsonFault {
  const ended = scan.at >= scan.text.length;
  const what = ended ? 'Not JSON: the text ends too early' : 'Not JSON: unexpected character';
  return fault(scan, 'syntax', what, scan.at);
}

function place(text: string, offset: number): string {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  return `line ${line}, column ${offset - before.lastIndexOf('\n')}`;
}

/** A member's name as JSON, short enough for a message. */
const quoted = (name: string): string =>
  JSON.stringify(name.length > 40 ? `${name.slice(0, 40)}…` : name);
