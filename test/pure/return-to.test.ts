import fc from 'fast-check';
import { expect, test } from 'vitest';
import { resolveReturn } from '../../src/issuer/pages/return-to.ts';

const policy = { issuer: 'https://id.example.com', allowedOrigins: ['https://app.example.com'] };

test.each([
  ['app', '/account'],
  ['?x', '/account'],
  ['/.//evil.example', '/account'],
  ['\\\\evil.example', '/account'],
  ['/\t/evil.example', '/account'],
  ['\n//evil.example', '/account'],
  ['https:\\\\evil.example', '/account'],
  ['https://id.example.com@evil.example', '/account'],
  ['https://ann@app.example.com', '/account'],
  ['https://app.example.com./', '/account'],
  ['blob:https://id.example.com/x', '/account'],
  ['data:text/html,x', '/account'],
  [`/${'x'.repeat(3000)}`, '/account'],
  ['https:evil.example', '/evil.example'],
  ['/%2f%2fevil.example', '/%2f%2fevil.example'],
  ['/a\r\nSet-Cookie: x=1', '/aSet-Cookie:%20x=1'],
  ['//id.example.com/x', '/x'],
  ['HTTPS://APP.EXAMPLE.COM:443/x', 'https://app.example.com/x'],
])('%j leads to %s', (text, where) => {
  expect(resolveReturn(text, policy)).toBe(where);
});

test('whatever is asked for, a browser ends at the issuer or an allowed origin', () => {
  const piece = fc.constantFrom('/', '\\', '.', '@', ':', '%2f', '\t', '\n', 'https', 'evil', '?');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const where = resolveReturn(pieces.join(''), policy);
      const { origin } = new URL(where, `${policy.issuer}/login`);
      expect([policy.issuer, ...policy.allowedOrigins]).toContain(origin);
      expect(where).toMatch(/^[!-~]+$/);
    }),
  );
});
