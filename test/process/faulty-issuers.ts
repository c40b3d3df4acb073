import { type Answer, type FakeIssuer, fakeKey, jwkSet } from '../support/fake-issuer.ts';

const first = fakeKey('first');
const second = fakeKey('second');
const short = fakeKey('short', 1024);

/** Answers as an issuer should, with a document or a text, but for these headers. */
export const answer =
  (document: unknown, headers: Readonly<Record<string, string>> = {}): Answer =>
  (response) => {
    response.writeHead(200, {
      'Content-Type': 'application/jwk-set+json',
      'Cache-Control': 'public, max-age=300',
      ...headers,
    });
    response.end(typeof document === 'string' ? document : JSON.stringify(document));
  };
/** Two good keys. */
export const GOOD = jwkSet(first, second);
/** A JWKS of these. */
export const keys = (...all: unknown[]) => answer({ keys: all });
const { jwk } = first;
/** A private key, and its most private member. */
export const privateJwk = { ...jwk, ...first.privateKey.export({ format: 'jwk' }) };
const { d } = privateJwk;

/** An issuer's fault: its name, what is found, and what makes it. */
type IssuerFault = readonly [
  name: string,
  found: string,
  change: (issuer: FakeIssuer) => Partial<Pick<FakeIssuer, 'metadata' | 'jwks' | 'away'>>,
];

/** Issuers with one fault each. */
export const FAULTS: readonly IssuerFault[] = [
  ['that is away', 'fail metadata', () => ({ away: true })],
  ['with an error', 'fail metadata', () => ({ metadata: (r) => void r.writeHead(500).end() })],
  [
    'that redirects',
    'fail metadata',
    () => ({ metadata: (r) => void r.writeHead(301, { Location: '/x' }).end() }),
  ],
  ['with a page', 'fail metadata', () => ({ metadata: answer('<html>') })],
  [
    'by another name',
    'fail metadata.issuer',
    (is) => ({ metadata: { ...is.metadata, issuer: `${is.url}/` } }),
  ],
  ['without a name', 'fail metadata.issuer', (is) => ({ metadata: { jwks_uri: is.jwksUri } })],
  ['with null as metadata', 'fail metadata.issuer', () => ({ metadata: answer('null') })],
  ['without a jwks_uri', 'fail metadata.jwks_uri', (is) => ({ metadata: { issuer: is.url } })],
  [
    'with a path as jwks_uri',
    'fail metadata.jwks_uri',
    (is) => ({ metadata: { issuer: is.url, jwks_uri: '/jwks' } }),
  ],
  [
    'that allows none',
    'fail metadata.algorithms',
    (is) => ({
      metadata: {
        ...is.metadata,
        id_token_signing_alg_values_supported: ['RS256', 'none'],
      },
    }),
  ],
  [
    'of another algorithm',
    'fail metadata.algorithms',
    (is) => ({ metadata: { ...is.metadata, id_token_signing_alg_values_supported: ['ES256'] } }),
  ],
  ['without a JWKS', 'fail jwks', () => ({ jwks: (r) => void r.writeHead(404).end() })],
  ['with half a JWKS', 'fail jwks', () => ({ jwks: answer('{"keys":[') })],
  ['with a JWKS of 10 MB', 'fail jwks', () => ({ jwks: answer(' '.repeat(10_000_000)) })],
  [
    'with a page as JWKS type',
    'warn jwks.type',
    () => ({ jwks: answer(GOOD, { 'Content-Type': 'text/html' }) }),
  ],
  [
    'that no cache may keep',
    'warn jwks.cache',
    () => ({ jwks: answer(GOOD, { 'Cache-Control': 'no-store' }) }),
  ],
  [
    'that names no age',
    'warn jwks.cache',
    () => ({ jwks: answer(GOOD, { 'Cache-Control': 'public' }) }),
  ],
  [
    'that a shared cache keeps for a week',
    'fail jwks.cache',
    () => ({ jwks: answer(GOOD, { 'Cache-Control': 'max-age=300, s-maxage=604800' }) }),
  ],
  [
    'that is kept for a week',
    'fail jwks.cache',
    () => ({ jwks: answer(GOOD, { 'Cache-Control': 'max-age=604800' }) }),
  ],
  ['with a list', 'fail jwks.keys', () => ({ jwks: answer([]) })],
  ['with null', 'fail jwks.keys', () => ({ jwks: answer('null') })],
  ['with no keys', 'fail jwks.keys', () => ({ jwks: keys() })],
  ['with a curve alone', 'fail jwks.keys', () => ({ jwks: keys({ kty: 'EC', kid: 'a' }) })],
  ['with keys that are none', 'fail jwks.keys', () => ({ jwks: keys(null, 'x', 1) })],
  [
    'with a key for encryption alone',
    'fail jwks.keys',
    () => ({ jwks: keys({ ...jwk, use: 'enc' }) }),
  ],
  ['with a key for nothing known', 'fail jwks.keys', () => ({ jwks: keys({ ...jwk, use: 'x' }) })],
  [
    'with a key for encrypting',
    'fail jwks.keys',
    () => ({ jwks: keys({ ...jwk, key_ops: ['encrypt'] }) }),
  ],
  [
    'with six keys',
    'warn jwks.keys',
    () => ({ jwks: keys(...[1, 2, 3, 4, 5, 6].map((i) => ({ ...jwk, kid: `${i}` }))) }),
  ],
  ['with a short key', 'fail jwks.size', () => ({ jwks: answer(jwkSet(first, short)) })],
  ['with an exponent of 1', 'fail jwks.size', () => ({ jwks: keys({ ...jwk, e: 'AQ' }) })],
  ['with half a key', 'fail jwks.size', () => ({ jwks: keys({ ...jwk, n: undefined }) })],
  ['without use', 'warn jwks.use', () => ({ jwks: keys({ ...jwk, use: undefined }) })],
  ['without alg', 'warn jwks.alg', () => ({ jwks: keys({ ...jwk, alg: undefined }) })],
  ['with RS512 alone', 'fail jwks.alg', () => ({ jwks: keys({ ...jwk, alg: 'RS512' }) })],
  ['without a kid', 'fail jwks.kid', () => ({ jwks: keys({ ...jwk, kid: undefined }) })],
  [
    'with one kid twice',
    'fail jwks.kid',
    () => ({ jwks: keys(jwk, { ...second.jwk, kid: 'first' }) }),
  ],
  ['with a private member', 'fail jwks.private', () => ({ jwks: keys({ ...jwk, d }) })],
  [
    'with a private key',
    'fail jwks.private',
    () => ({ jwks: keys(jwk, { ...privateJwk, kid: 'second' }) }),
  ],
  [
    'with a secret',
    'fail jwks.private',
    () => ({ jwks: keys(jwk, { kty: 'oct', kid: 'k', k: 'AAAA' }) }),
  ],
  [
    'whose clock is an hour behind',
    'fail clock',
    (is) => ({ metadata: answer(is.metadata, { Date: 'Thu, 01 Jan 2026 00:00:00 GMT' }) }),
  ],
];
