import { claimsOf } from '../support/client.ts';
import {
  CLAIMS,
  EXPIRED,
  encoded,
  type Forgery,
  MALFORMED,
  SIGNATURE,
  signed,
  stranger,
  type Workshop,
  withClaims,
  withPayload,
} from './forgery.ts';

const parts = (name: string, code: string, change: (parts: string[]) => string[]): Forgery => [
  name,
  code,
  ({ token }) => change(token.split('.')).join('.'),
];

/** What is no strict JWS with a JSON object in it. */
export const SHAPES: readonly Forgery[] = [
  ['a word', MALFORMED, () => 'garbage'],
  ['dots', MALFORMED, () => '..'],
  ['a refresh token', MALFORMED, ({ refreshToken }) => refreshToken],
  parts('two parts', MALFORMED, ([h = '', p = '']) => [h, p]),
  parts('four parts', MALFORMED, (all) => [...all, 'AAAA']),
  parts('five parts', MALFORMED, ([h = '', p = '', s = '']) => [h, p, s, p, s]),
  parts('no header', MALFORMED, ([, p = '', s = '']) => ['', p, s]),
  parts('no payload', MALFORMED, ([h = '', , s = '']) => [h, '', s]),
  parts('no signature', MALFORMED, ([h = '', p = '']) => [h, p, '']),
  parts('padding on the header', MALFORMED, ([h = '', p = '', s = '']) => [`${h}=`, p, s]),
  parts('padding on the signature', MALFORMED, ([h = '', p = '', s = '']) => [h, p, `${s}==`]),
  parts('white space within', MALFORMED, ([h = '', p = '', s = '']) => [h, ` ${p}`, s]),
  parts('last bits not canonical', MALFORMED, ([h = '', p = '', s = '']) => [h, p, nextDigit(s)]),
  parts('a foreign digit', MALFORMED, ([h = '', p = '', s = '']) => [h, p, `${s.slice(0, -1)}+`]),
  ['two tokens', MALFORMED, ({ token, otherToken }) => `${token} ${otherToken}`],
  ['two tokens with a comma', MALFORMED, ({ token }) => `${token}, Bearer ${token}`],
  ['JSON serialisation', MALFORMED, flattened],
  ['JSON serialisation in base64url', MALFORMED, (made) => encoded(flattened(made))],
  ['a JWS within a JWS', MALFORMED, (made) => withPayload(made, made.token)],
  ['over 8 kB', MALFORMED, (made) => withClaims(made, { padding: 'x'.repeat(8000) })],
  ['a payload that is no JSON', MALFORMED, (made) => withPayload(made, 'not JSON')],
  ['a payload that is an array', MALFORMED, (made) => withPayload(made, [claimsOf(made.token)])],
  ['a payload that is null', MALFORMED, (made) => withPayload(made, 'null')],
  ['a claim twice', MALFORMED, payloadText((text) => `{"sub":"somebody",${text.slice(1)}`)],
  ['a claim __proto__', MALFORMED, payloadText((text) => `{"__proto__":{},${text.slice(1)}`)],
];

function flattened({ token }: Workshop): string {
  const [head, payload, signature] = token.split('.');
  return JSON.stringify({ protected: head, payload, signature });
}

function payloadText(change: (text: string) => string): Forgery[2] {
  return (made) => withPayload(made, change(JSON.stringify(claimsOf(made.token))));
}

/** The same bytes, were its last digit read leniently. */
function nextDigit(text: string): string {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return text.slice(0, -1) + digits.charAt(digits.indexOf(text.at(-1) ?? '') + 1);
}

function withBit(signature: string, at: number): string {
  const bytes = Buffer.from(signature, 'base64url');
  const index = at < 0 ? bytes.length + at : at;
  bytes[index] = (bytes[index] ?? 0) ^ 1;
  return bytes.toString('base64url');
}

/** Well-formed tokens that the named key has not signed. */
export const SIGNATURES: readonly Forgery[] = [
  parts('first bit', SIGNATURE, ([h = '', p = '', s = '']) => [h, p, withBit(s, 0)]),
  parts('middle bit', SIGNATURE, ([h = '', p = '', s = '']) => [h, p, withBit(s, 128)]),
  parts('last bit', SIGNATURE, ([h = '', p = '', s = '']) => [h, p, withBit(s, -1)]),
  parts('signature truncated', SIGNATURE, ([h = '', p = '', s = '']) => [h, p, s.slice(0, -6)]),
  parts('signature extended', SIGNATURE, ([h = '', p = '', s = '']) => [h, p, `AAAA${s}`]),
  parts('zeros', SIGNATURE, ([h = '', p = '']) => [h, p, 'A'.repeat(342)]),
  ['the signature of another token', SIGNATURE, swapped(0, 0, 1)],
  ['the payload of another token', SIGNATURE, swapped(0, 1, 0)],
  [
    'a stranger under our kid',
    SIGNATURE,
    ({ token }) => signed(token.split('.', 2).join('.'), stranger),
  ],
  [
    'the next key under the active kid',
    SIGNATURE,
    ({ token, keys }) => signed(token.split('.', 2).join('.'), keys.next.privateKey),
  ],
  [
    'a claim changed after signing',
    SIGNATURE,
    ({ token }) => {
      const [head, , signature] = token.split('.');
      return `${head}.${encoded({ ...claimsOf(token), name: 'Root' })}.${signature}`;
    },
  ],
  [
    'expired and wrongly signed',
    SIGNATURE,
    (made) => `${withClaims(made, { exp: made.now - 1 }).slice(0, -342)}${'A'.repeat(342)}`,
  ],
];

/** Each part from the first or the second of two good tokens. */
function swapped(...from: readonly [number, number, number]): Forgery[2] {
  return ({ token, otherToken }) =>
    from.map((which, i) => [token, otherToken][which]?.split('.')[i]).join('.');
}

const claims = (name: string, changed: Record<string, unknown>, code = CLAIMS): Forgery => [
  `claim ${name}`,
  code,
  (made) => withClaims(made, changed),
];

/** Claims that depend on the issuer or the instant. */
const reckoned = (
  name: string,
  change: (own: { iss: string; now: number }) => Record<string, unknown>,
  code = CLAIMS,
): Forgery => [
  `claim ${name}`,
  code,
  (made) => withClaims(made, change({ iss: String(claimsOf(made.token).iss), now: made.now })),
];

const AUDIENCES: readonly Forgery[] = (['iss', 'aud'] as const).flatMap((claim): Forgery[] => [
  claims(`${claim} absent`, { [claim]: undefined }),
  claims(`${claim} null`, { [claim]: null }),
  claims(`${claim} empty`, { [claim]: '' }),
  claims(`${claim} a number`, { [claim]: 1 }),
  claims(`${claim} another`, { [claim]: 'https://evil.example' }),
  reckoned(`${claim} a prefix`, ({ iss }) => ({ [claim]: iss.slice(0, -1) })),
  reckoned(`${claim} with a suffix`, ({ iss }) => ({ [claim]: `${iss}0` })),
  reckoned(`${claim} with a slash`, ({ iss }) => ({ [claim]: `${iss}/` })),
  reckoned(`${claim} in other case`, ({ iss }) => ({ [claim]: iss.toUpperCase() })),
  reckoned(`${claim} an object`, ({ iss }) => ({ [claim]: { [iss]: true } })),
]);

const TIMES: readonly Forgery[] = [
  claims('exp absent', { exp: undefined }),
  claims('exp null', { exp: null }),
  reckoned('exp a text', ({ now }) => ({ exp: String(now + 900) })),
  claims('exp zero', { exp: 0 }),
  claims('exp negative', { exp: -1 }),
  reckoned('exp a year ahead', ({ now }) => ({ exp: now + 365 * 86_400 })),
  reckoned('exp in milliseconds', ({ now }) => ({ exp: (now + 900) * 1000 })),
  reckoned('exp before iat', ({ now }) => ({ exp: now - 20, iat: now - 10 })),
  [
    'claim exp infinite',
    CLAIMS,
    (made) => {
      const { exp, ...rest } = claimsOf(made.token);
      return withPayload(made, `{"exp":1e999,${JSON.stringify(rest).slice(1)}`);
    },
  ],
  claims('iat absent', { iat: undefined }),
  reckoned('iat a text', ({ now }) => ({ iat: String(now) })),
  reckoned('iat beyond the skew', ({ now }) => ({ iat: now + 61, exp: now + 900 })),
  reckoned('nbf beyond the skew', ({ now }) => ({ nbf: now + 61 })),
  claims('nbf a text', { nbf: 'now' }),
  reckoned('exp now', ({ now }) => ({ iat: now - 900, exp: now }), EXPIRED),
  reckoned('exp long past', ({ now }) => ({ iat: now - 9000, exp: now - 8100 }), EXPIRED),
  reckoned('exp past and aud another', ({ now }) => ({ iat: now - 900, exp: now, aud: 'x' })),
];

const SUBJECTS: readonly Forgery[] = [
  ...['sub', 'sid', 'jti', 'client_id'].flatMap((claim) => [
    claims(`${claim} absent`, { [claim]: undefined }),
    claims(`${claim} null`, { [claim]: null }),
    claims(`${claim} empty`, { [claim]: '' }),
    claims(`${claim} a number`, { [claim]: 1 }),
    claims(`${claim} an array`, { [claim]: ['x'] }),
  ]),
  claims('sub no UUID', { sub: 'admin' }),
  claims('sid no UUID', { sid: "' OR 1=1 --" }),
  reckoned('iss an array', ({ iss }) => ({ iss: [iss] })),
  claims('aud an empty array', { aud: [] }),
  claims('aud an array without us', { aud: ['https://evil.example'] }),
  reckoned('aud an array of more than texts', ({ iss }) => ({ aud: [iss, 1] })),
  reckoned('aud an array within', ({ iss }) => ({ aud: [[iss]] })),
];

/** Tokens signed with the real key that say the wrong things. */
export const STATEMENTS: readonly Forgery[] = [...AUDIENCES, ...TIMES, ...SUBJECTS];
