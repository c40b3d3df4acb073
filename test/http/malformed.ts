/** A POST that the contract refuses, whatever the call: what is sent and what is answered. */
export interface Malformed {
  readonly name: string;
  readonly body: string | Buffer;
  /** `application/json` when absent, none at all when null. */
  readonly type?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly status: number;
  readonly code: string;
  /** Paths of the field errors; absent: there are none. */
  readonly paths?: readonly string[];
}

const refused = (
  status: number,
  code: string,
  rest: Pick<Malformed, 'name' | 'body'> & Partial<Malformed>,
): Malformed => ({ status, code, ...rest });

/** Unreadable as a whole: one error, without a path. */
const unreadable = (name: string, body: string | Buffer): Malformed =>
  refused(400, 'invalid_request', { name, body, paths: [''] });

const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;

/** Bodies that no call with a JSON body takes. */
export const ANYWHERE: readonly Malformed[] = [
  unreadable('a brace', '{'),
  unreadable('no JSON', 'email=a@example.com'),
  unreadable('half a string', '{"email":"a@exa'),
  unreadable('a trailing comma', '{"email":"a@example.com",}'),
  unreadable('single quotes', "{'email':'a@example.com'}"),
  unreadable('a comment', '{/* */}'),
  unreadable('two texts', '{}{}'),
  unreadable('white space alone', ' \n'),
  unreadable('NaN', '{"email":NaN}'),
  unreadable('a leading zero', '{"email":01}'),
  unreadable('a byte order mark', '\ufeff{}'),
  unreadable('a raw control character', '{"email":"a\u0001"}'),
  unreadable('a raw NUL', '{"email":"a\u0000"}'),
  unreadable('a NUL alone', '\0'),
  unreadable('a bad escape', '{"email":"\\x41"}'),
  unreadable('half an escape', '{"email":"\\u00"}'),
  unreadable('UTF-16', Buffer.from('{"email":"a"}', 'utf16le')),
  unreadable('invalid UTF-8', Buffer.from('7b2261223a22ff227d', 'hex')),
  unreadable('overlong UTF-8', Buffer.from('7b2261223a22c080227d', 'hex')),
  unreadable('a surrogate in UTF-8', Buffer.from('7b2261223a22eda080227d', 'hex')),
  unreadable('a member twice', '{"email":"a@example.com","email":"b@example.com"}'),
  unreadable('an unknown member twice', '{"x":1,"x":1}'),
  unreadable('a member twice, once in escapes', '{"email":"a","\\u0065mail":"b"}'),
  unreadable('a member twice within', '{"x":{"y":1,"y":2}}'),
  unreadable('__proto__', '{"__proto__":{"email":"a@example.com"}}'),
  unreadable('__proto__ in escapes', '{"\\u005f_proto__":1}'),
  unreadable('constructor.prototype', '{"constructor":{"prototype":{"x":1}}}'),
  unreadable('nesting', `{"x":${nested(20)}}`),
  unreadable('deep nesting', nested(30_000)),
  unreadable('deep nesting of objects', `${'{"a":'.repeat(9000)}1${'}'.repeat(9000)}`),
  ...['null', 'true', '1', '1e999', '-0', '"text"', '[]', '[{}]', '""'].map((body) =>
    refused(400, 'invalid_request', { name: `${body} as the body`, body, paths: [''] }),
  ),
  ...['constructor', 'toString', 'prototype', '', 'a.b', 'Email', 'email ', 'user_id', 'admin'].map(
    (name) => {
      const body = JSON.stringify({ [name]: 'x' });
      return refused(400, 'invalid_request', { name: `an unknown field "${name}"`, body });
    },
  ),
  ...[65_537, 1_048_576].map((size) => {
    const body = `{"x":"${'x'.repeat(size - 8)}"}`;
    return refused(413, 'body_too_large', { name: `a body of ${size} bytes`, body });
  }),
  ...[
    null,
    '',
    'text/plain',
    'text/json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/xml',
    'application/jsonx',
    'application/problem+json',
    'application/json; charset=utf-16',
    'application/json; charset=latin1',
    'application/json, text/plain',
    'json',
    '*/*',
  ].map((type) =>
    refused(415, 'unsupported_media_type', { name: `media type ${type}`, body: '{}', type }),
  ),
  ...['gzip', 'deflate', 'br', 'x'].map((encoding) =>
    refused(415, 'unsupported_media_type', {
      name: `encoding ${encoding}`,
      body: '{}',
      headers: { 'Content-Encoding': encoding },
    }),
  ),
];

/** Values of another type than a text. */
export const NO_TEXTS: readonly string[] = [
  'null',
  'true',
  '0',
  '-1',
  '1e999',
  `1${'0'.repeat(400)}`,
  '0.1',
  '[]',
  '["a@example.com"]',
  '{}',
  '{"$ne":""}',
];

/** Texts, as JSON spells them, that no database stores: their fields are refused. */
export const NO_GOOD_TEXTS: readonly string[] = [
  '"a\\u0000b"',
  '"\\u0000"',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"a\\udfffb"',
];

/** Cookie headers that no browser sends. */
export const GARBAGE_COOKIES: readonly string[] = [
  '=',
  ';',
  ';;;;',
  'keyturn_refresh',
  'keyturn_refresh=',
  'keyturn_refresh=;keyturn_refresh=',
  'keyturn_refresh="',
  'keyturn_refresh=%',
  'keyturn_refresh=%00%ff',
  'keyturn_refresh=ktr_',
  `keyturn_refresh=${'k'.repeat(8000)}`,
  'keyturn_refresh=\u00ff\u00fe',
  '__proto__=1; constructor=2; keyturn_refresh=x',
  'keyturn_refresh=a; keyturn_refresh=b',
  `${'a=b; '.repeat(1000)}keyturn_refresh=x`,
];
