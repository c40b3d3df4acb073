import { constants, createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { partOf } from '../support/client.ts';
import {
  encoded,
  type Forgery,
  MALFORMED,
  SIGNATURE,
  stranger,
  type Workshop,
  withHeader,
} from './forgery.ts';

const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

/** A header with some members changed, correctly signed; undefined leaves one out. */
const header = (name: string, members: Record<string, unknown>, code = MALFORMED): Forgery => [
  `header ${name}`,
  code,
  (workshop) => withHeader(workshop, { ...partOf(workshop.token, 0), ...members }),
];

/** Another algorithm under our kid, with a signature that is right for it. */
function otherAlgorithm(alg: string, make: (input: string, workshop: Workshop) => Buffer): Forgery {
  return [
    `alg ${alg}`,
    MALFORMED,
    (workshop) => {
      const head = encoded({ ...partOf(workshop.token, 0), alg });
      const input = `${head}.${workshop.token.split('.')[1]}`;
      return `${input}.${make(input, workshop).toString('base64url')}`;
    },
  ];
}

const confusion = (form: string, secret: (publicKey: KeyObject) => string | Buffer): Forgery => {
  const [name, code, make] = otherAlgorithm('HS256', (input, { keys }) =>
    createHmac('sha256', secret(keys.active.publicKey)).update(input).digest(),
  );
  return [`${name} with ${form}`, code, make];
};

/** Algorithms other than the one that is taken. */
export const ALGORITHMS: readonly Forgery[] = [
  ...['none', 'None', 'NONE', 'nOnE'].flatMap((alg): Forgery[] => [
    header(`alg ${alg}, signed all the same`, { alg }),
    [
      `alg ${alg} without a signature`,
      MALFORMED,
      ({ token }) => `${encoded({ ...partOf(token, 0), alg })}.${token.split('.')[1]}.`,
    ],
  ]),
  confusion('the public key as PEM', (key) => key.export({ type: 'spki', format: 'pem' })),
  confusion('the public key as PKCS #1', (key) => key.export({ type: 'pkcs1', format: 'pem' })),
  confusion('the public key as DER', (key) => key.export({ type: 'spki', format: 'der' })),
  confusion('the JWK', (key) => JSON.stringify(key.export({ format: 'jwk' }))),
  confusion('the modulus', (key) => String(key.export({ format: 'jwk' }).n)),
  confusion('a weak secret', () => 'secret'),
  confusion('no secret', () => ''),
  otherAlgorithm('HS512', (input) => createHmac('sha512', 'secret').update(input).digest()),
  otherAlgorithm('RS384', (input, { keys }) =>
    sign('sha384', Buffer.from(input), keys.active.privateKey),
  ),
  otherAlgorithm('RS512', (input, { keys }) =>
    sign('sha512', Buffer.from(input), keys.active.privateKey),
  ),
  otherAlgorithm('PS256', (input, { keys }) =>
    sign('sha256', Buffer.from(input), {
      key: keys.active.privateKey,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: 32,
    }),
  ),
  otherAlgorithm('ES256', (input) => sign('sha256', Buffer.from(input), curve)),
  header('alg absent', { alg: undefined }),
  header('alg null', { alg: null }),
  header('alg in lower case', { alg: 'rs256' }),
  header('alg as an array', { alg: ['RS256'] }),
];

/** Correctly signed tokens whose header is refused. */
export const HEADERS: readonly Forgery[] = [
  header('kid absent', { kid: undefined }),
  header('kid empty', { kid: '' }),
  header('kid null', { kid: null }),
  header('kid a number', { kid: 1 }),
  header('kid an array', { kid: ['a'] }),
  header('kid of 10 kB', { kid: 'k'.repeat(10_000) }),
  header('kid of 1,000 characters', { kid: 'k'.repeat(1000) }),
  ...[
    '../../../../dev/null',
    '/etc/passwd',
    "' OR 1=1 --",
    'https://evil.example/jwks.json',
    '__proto__',
    'constructor',
    'toString',
    '0',
    'a\0b',
    'A'.repeat(43),
  ].map((kid) => header(`kid ${JSON.stringify(kid)}`, { kid }, SIGNATURE)),
  ['the kid in other case', SIGNATURE, withKid((kid) => kid.toUpperCase())],
  ['the kid with a space behind', SIGNATURE, withKid((kid) => `${kid} `)],
  ['the kid of the next key', SIGNATURE, (made) => withKid(() => made.keys.next.kid)(made)],
  header('jku', { jku: 'https://evil.example/jwks.json' }),
  header('jwk', { jwk: stranger.export({ format: 'jwk' }) }),
  header('x5u', { x5u: 'https://evil.example/cert.pem' }),
  header('x5c', { x5c: ['MIIB'] }),
  header('x5t', { x5t: 'AAAA' }),
  header('crit', { crit: ['exp'] }),
  header('crit, empty', { crit: [] }),
  header('b64', { b64: false, crit: ['b64'] }),
  header('zip', { zip: 'DEF' }),
  header('enc', { enc: 'A256GCM' }),
  header('cty', { cty: 'JWT' }),
  header('with an unknown member', { foo: 'bar' }),
  header('typ absent', { typ: undefined }),
  header('typ null', { typ: null }),
  header('typ an array', { typ: ['at+jwt'] }),
  ...['JWT', 'jwt', 'application/jwt', 'id+jwt', 'dpop+jwt', 'at+jwt2', ' at+jwt', ''].map((typ) =>
    header(`typ ${JSON.stringify(typ)}`, { typ }),
  ),
  ...['[]', 'null', '"x"', '1', '', 'x', '{', '{}{}', '\ufeff{}'].map(
    (text): Forgery => [
      `header text ${JSON.stringify(text)}`,
      MALFORMED,
      (workshop) => withHeader(workshop, text),
    ],
  ),
  headerText('alg twice', (kid) => `{"alg":"none","alg":"RS256","kid":"${kid}","typ":"at+jwt"}`),
  headerText('kid twice', (kid) => `{"alg":"RS256","kid":"x","kid":"${kid}","typ":"at+jwt"}`),
  headerText(
    'alg twice, once in escapes',
    (kid) => `{"\\u0061lg":"none","alg":"RS256","kid":"${kid}","typ":"at+jwt"}`,
  ),
  headerText(
    '__proto__',
    (kid) => `{"alg":"RS256","kid":"${kid}","typ":"at+jwt","__proto__":{"x":1}}`,
  ),
];

function withKid(change: (kid: string) => string): Forgery[2] {
  return (workshop) =>
    withHeader(workshop, { ...partOf(workshop.token, 0), kid: change(workshop.keys.active.kid) });
}

function headerText(name: string, text: (kid: string) => string): Forgery {
  return [`header ${name}`, MALFORMED, (made) => withHeader(made, text(made.keys.active.kid))];
}
