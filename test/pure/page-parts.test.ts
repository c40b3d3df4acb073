import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { brandStyle, GROUNDS } from '../../src/issuer/pages/brand-style.ts';
import { strengthOf } from '../../src/issuer/pages/browser/strength.ts';
import { deviceName } from '../../src/issuer/pages/device.ts';
import { html, textOf } from '../../src/issuer/pages/html.ts';
import { resolveReturn } from '../../src/issuer/pages/return-to.ts';
import { contrast, formatHex, parseHex, type Rgb } from '../../src/kit/color.ts';

describe('html', () => {
  test('escapes what it is given, in text and in attributes', () => {
    const evil = `"><script>alert('1')</script>&`;
    expect(textOf(html`<p title="${evil}">${evil}</p>`)).toBe(
      '<p title="&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;">' +
        '&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;</p>',
    );
  });

  test('no text ends an element or an attribute', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(textOf(html`${text}`)).not.toMatch(/[<>"']/);
      }),
    );
  });

  test('joins lists, leaves out nothings, and takes finished parts as they are', () => {
    const item = (text: string) => html`<li>${text}</li>`;
    expect(textOf(html`<ul>${['a', '<'].map(item)}${false}${undefined}${null}${0}</ul>`)).toBe(
      '<ul><li>a</li><li>&lt;</li>0</ul>',
    );
  });
});

const POLICY = {
  issuer: 'https://id.example.com',
  allowedOrigins: ['https://app.example.com', 'http://localhost:5173'],
};

/** Where a browser that has just sent a form to the issuer ends up. */
const landing = (text: string): string =>
  new URL(resolveReturn(text, POLICY), `${POLICY.issuer}/login`).origin;

describe('return_to', () => {
  test.each([
    ['/app?filter=open#last', '/app?filter=open#last'],
    ['https://id.example.com/app', '/app'],
    ['https://app.example.com/a?b=c#d', 'https://app.example.com/a?b=c#d'],
    ['http://localhost:5173', 'http://localhost:5173/'],
    ['app', '/account'],
    ['/a/../b', '/b'],
    ['?a=b', '/account'],
    // The own scheme without an authority is a path, however much it looks like a host.
    ['https:evil.example', '/evil.example'],
  ])('%s leads to %s', (text, where) => {
    expect(resolveReturn(text, POLICY)).toBe(where);
  });

  test.each([
    undefined,
    '',
    'https://evil.example',
    '//evil.example',
    '///evil.example',
    '\\\\evil.example',
    '/\\evil.example',
    '/\t/evil.example',
    '\n//evil.example',
    ' //evil.example',
    '/..//evil.example',
    'http:evil.example',
    'http:/evil.example',
    'https://id.example.com@evil.example',
    'https://app.example.com@evil.example',
    'https://user:pass@app.example.com',
    'https://user@id.example.com/',
    'https://app.example.com.evil.example',
    'https://app.example.com:8443',
    'http://app.example.com',
    'https://app.example.org',
    'http://id.example.com',
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    'data:text/html,x',
    'blob:https://id.example.com/x',
    'file:///etc/passwd',
    'ftp://id.example.com',
    'ws://localhost:5173',
    'http://[',
    '//',
    `/${'a'.repeat(4000)}`,
  ])('%j leads to the account', (text) => {
    expect(resolveReturn(text, POLICY)).toBe('/account');
  });

  test('no text leads to another origin', () => {
    const bit = fc.constantFrom(
      ...['/', '\\', '//', ':', '@', '.', '..', '#', '?', '%2f', '\t', '\n', ' ', '\0', 'https'],
      ...['javascript', 'evil.example', 'id.example.com', 'app.example.com', 'localhost:5173'],
    );
    const allowed = [POLICY.issuer, ...POLICY.allowedOrigins];
    fc.assert(
      fc.property(fc.array(bit, { maxLength: 8 }), (bits) => {
        expect(allowed).toContain(landing(bits.join('')));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a colour of a brand', () => {
  const channel = fc.integer({ min: 0, max: 255 });
  const color = fc.tuple(channel, channel, channel) as fc.Arbitrary<Rgb>;
  const named = (style: string, name: string): Rgb =>
    parseHex(new RegExp(`--${name}:(#[0-9a-f]{6})`).exec(style)?.[1] ?? 'none');

  test('is read on every ground, and read upon, whatever it is', () => {
    fc.assert(
      fc.property(color, (own) => {
        const [light = '', dark = ''] = brandStyle(formatHex(own)).split('@media');
        for (const [style, grounds] of [
          [light, GROUNDS.light],
          [dark, GROUNDS.dark],
        ] as const) {
          const accent = named(style, 'accent');
          for (const ground of [grounds.paper, grounds.sheet, named(style, 'accent-wash')]) {
            expect(contrast(accent, ground)).toBeGreaterThanOrEqual(4.5);
          }
          expect(contrast(accent, named(style, 'on-accent'))).toBeGreaterThanOrEqual(4.5);
        }
      }),
    );
  });

  test('stays as it is where it is readable as it is', () => {
    expect(brandStyle('#0044cc')).toContain(':root{--accent:#0044cc');
    expect(brandStyle('#05a')).toContain(':root{--accent:#0055aa');
  });

  test('contrast is that of WCAG', () => {
    expect(contrast([255, 255, 255], [0, 0, 0])).toBeCloseTo(21);
    expect(contrast([118, 118, 118], [255, 255, 255])).toBeCloseTo(4.54, 2);
  });
});

describe('the strength of a password', () => {
  test.each([
    ['', 0],
    ['short', 0],
    ['aaaaaaaaaaaa', 1],
    ['12345678', 1],
    ['password1', 1],
    ['abcdefghijkl', 1],
    ['qwerty123456', 1],
    ['violet harbour', 2],
    ['correct horse battery staple', 3],
    ['T7#kq!Zp2v@Lw9', 3],
  ] as const)('%j is %d', (password, level) => {
    expect(strengthOf(password, 8)).toBe(level);
  });

  test('what is shorter than asked for is never more than too short', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 30 }), (password) => {
        const short = [...password.normalize('NFC')].length < 15;
        expect(strengthOf(password, 15) === 0).toBe(short);
      }),
    );
  });
});

test.each([
  ['Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0', 'Firefox on Linux'],
  [
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15',
    'Safari on Mac',
  ],
  [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0',
    'Edge on Windows',
  ],
  [
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 Mobile/15E148 Safari/604.1',
    'Chrome on iPhone',
  ],
  [
    'Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36',
    'Chrome on Android',
  ],
  ['curl/8.9.1', 'curl'],
  ['', 'Unknown device'],
  [null, 'Unknown device'],
])('%s is %s', (userAgent, name) => {
  expect(deviceName(userAgent)).toBe(name);
});
