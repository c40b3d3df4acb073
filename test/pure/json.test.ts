import fc from 'fast-check';
import { expect, test } from 'vitest';
import { JsonFault, parseStrictJson } from '../../src/kit/json.ts';

const parse = (text: string) => parseStrictJson(text, { maxDepth: 64 });

function faultOf(text: string, maxDepth = 8): JsonFault {
  try {
    parseStrictJson(text, { maxDepth });
  } catch (error) {
    if (error instanceof JsonFault) return error;
    throw error;
  }
  throw new Error(`accepted ${text}`);
}

const harmless = (value: unknown): boolean =>
  !JSON.stringify(value).includes('__proto__') && !JSON.stringify(value).includes('prototype');

test('agrees with JSON.parse on whatever JSON.stringify wrote, however it is indented', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 10 }), fc.constantFrom(0, 1, '\t'), (value, indent) => {
      fc.pre(harmless(value));
      const text = JSON.stringify(value, null, indent);
      expect(parse(text)).toEqual(JSON.parse(text));
    }),
    { numRuns: 500 },
  );
});

test('agrees with JSON.parse on what is no JSON: texts with characters changed, cut or added', () => {
  const edit = fc.tuple(
    fc.nat(),
    fc.constantFrom('', ' ', '"', '\\', '{', ']', ',', ':', '0', '-', '\u0001', 'e', 't'),
  );
  fc.assert(
    fc.property(fc.jsonValue(), fc.array(edit, { minLength: 1, maxLength: 3 }), (value, edits) => {
      let text = JSON.stringify(value);
      for (const [at, by] of edits) {
        const cut = at % (text.length + 1);
        text = text.slice(0, cut) + by + text.slice(cut + (at % 2));
      }
      let accepted = true;
      try {
        JSON.parse(text);
      } catch {
        accepted = false;
      }
      if (accepted) {
        try {
          expect(parse(text)).toEqual(JSON.parse(text));
        } catch (error) {
          // An edit may have made two names equal: the one thing in which the two may differ.
          if (!(error instanceof JsonFault) || error.kind === 'syntax') throw error;
        }
      } else {
        expect(() => parse(text)).toThrow(JsonFault);
      }
    }),
    { numRuns: 2000 },
  );
});

const escapeAll = (name: string): string =>
  `"${[...Array(name.length).keys()].map((i) => `\\u${name.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')}"`;

test('finds every planted duplicate, at any depth and in any spelling', () => {
  // As long as they may be: many members are kept in another way than few.
  const bounds = { minLength: 1, maxLength: 30, size: 'max' } as const;
  const names = fc.uniqueArray(fc.string({ unit: 'binary' }), bounds);
  fc.assert(
    fc.property(
      names,
      fc.nat(),
      fc.nat({ max: 5 }),
      fc.boolean(),
      (unique, pick, depth, escaped) => {
        fc.pre(!unique.includes('__proto__'));
        const victim = unique[pick % unique.length] ?? '';
        const members = unique.map((name) => `${JSON.stringify(name)}: 1`);
        const again = escaped ? escapeAll(victim) : JSON.stringify(victim);
        const open = '{"a": ['.repeat(depth);
        const close = ']}'.repeat(depth);
        const clean = `${open}{${members.join(', ')}}${close}`;
        const planted = `${open}{${members.join(', ')}, ${again}: 2}${close}`;
        expect(parse(clean)).toEqual(JSON.parse(clean));
        const fault = faultOf(planted, 64);
        expect(fault.kind).toBe('duplicate_member');
        expect(fault.offset).toBe(planted.lastIndexOf(again));
      },
    ),
  );
});

test('the same name in different objects is no duplicate', () => {
  const text = '{"a": {"a": [{"a": 1}, {"a": 2}]}, "b": {"a": 3}}';
  expect(parse(text)).toEqual(JSON.parse(text));
});

test.each([
  ['{"__proto__": 1}', 'forbidden_member'],
  ['{"\\u005f_proto__": 1}', 'forbidden_member'],
  ['[{"a": {"__proto__": {}}}]', 'forbidden_member'],
  ['{"constructor": {"prototype": {}}}', 'forbidden_member'],
  ['[[[[[[[[[]]]]]]]]]', 'too_deep'],
  [`${'['.repeat(60_000)}`, 'too_deep'],
  ['{"a": 1, "\\u0061": 2}', 'duplicate_member'],
  ['', 'syntax'],
  ['{}{}', 'syntax'],
  ['{"a": 1,}', 'syntax'],
  ["{'a': 1}", 'syntax'],
  ['"\u0000"', 'syntax'],
  ['01', 'syntax'],
  ['\ufeff{}', 'syntax'],
])('%j is refused as %s', (text, kind) => {
  expect(faultOf(text).kind).toBe(kind);
});

test.each([
  '{"constructor": 1}',
  '{"prototype": 1}',
  '[[[[[[[[]]]]]]]]',
  ' "x" ',
  '-0.5e+3',
  'null',
])('%s is accepted', (text) => {
  expect(parseStrictJson(text, { maxDepth: 8 })).toEqual(JSON.parse(text));
});

test('a fault says where and quotes no value', () => {
  const fault = faultOf('{\n  "password": "hunter22",\n  "email" "a"\n}');
  expect(fault.message).toBe('Not JSON: unexpected character at line 3, column 11');
  expect(faultOf('{"password": "hunter22').message).not.toContain('hunter22');
  expect(faultOf(`{"${'x'.repeat(500)}":1,"${'x'.repeat(500)}":1}`).message.length).toBeLessThan(
    100,
  );
});
