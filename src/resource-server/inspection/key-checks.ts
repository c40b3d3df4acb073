import { createPublicKey } from 'node:crypto';
import { isForSignatures, MIN_MODULUS, PRIVATE_MEMBERS } from '../jwk-set.ts';
import { type Check, fail, ok, warn } from './check.ts';

type Jwk = Readonly<Record<string, unknown>>;

/** What a popular verifier caches. */
const MOST_KEYS = 5;

/** Looks at a JWK Set (RFC 7517) as what verifiers of RS256 tokens are to rely on. Pure. */
export function checkKeys(document: unknown): Check[] {
  const keys = (document as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys)) {
    return [
      fail(
        'jwks.keys',
        'The JWKS has no list of keys.',
        'Answer {"keys": […]} (RFC 7517 section 5).',
      ),
    ];
  }
  if (keys.length === 0) {
    return [
      fail('jwks.keys', 'The JWKS holds no keys.', 'Publish the public half of every signing key.'),
    ];
  }
  const jwks: Jwk[] = keys.map((key) => (isObject(key) ? key : {}));
  const rsa = jwks.filter((jwk) => jwk.kty === 'RSA' && isForSignatures(jwk));
  return [
    countCheck(jwks, rsa),
    ...(rsa.length === 0 ? [] : [sizeCheck(rsa), purposeCheck(rsa), algorithmCheck(rsa)]),
    kidCheck(jwks),
    privateCheck(jwks),
  ];
}

const isObject = (value: unknown): value is Jwk =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Keys by name, for people. */
const named = (jwks: readonly Jwk[]): string =>
  jwks.map(({ kid }) => (typeof kid === 'string' ? kid : 'one without a kid')).join(', ');

function countCheck(all: readonly Jwk[], rsa: readonly Jwk[]): Check {
  if (rsa.length === 0) {
    return fail(
      'jwks.keys',
      `None of ${all.length} keys is an RSA key for signatures.`,
      'Sign with RS256 and publish its keys: it is what every verifier can check.',
    );
  }
  if (all.length > MOST_KEYS) {
    return warn(
      'jwks.keys',
      `There are ${all.length} keys; jwks-rsa for Node keeps ${MOST_KEYS}.`,
      'Take keys out once the last token that they signed has expired.',
    );
  }
  return ok('jwks.keys', `${rsa.length} of ${all.length} keys are RSA keys for signatures.`);
}

function sizeCheck(rsa: readonly Jwk[]): Check {
  const weak = rsa.filter((jwk) => !isStrong(jwk));
  if (weak.length === 0) return ok('jwks.size', `All have ${MIN_MODULUS} bits or more.`);
  return fail(
    'jwks.size',
    `Unreadable, below ${MIN_MODULUS} bits, or with an exponent below 3: ${named(weak)}.`,
    `Rotate to RSA keys of ${MIN_MODULUS} bits or more (RFC 7518 section 3.3).`,
  );
}

function isStrong({ n, e }: Jwk): boolean {
  if (typeof n !== 'string' || typeof e !== 'string') return false;
  try {
    const key = createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' });
    const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
    return modulusLength >= MIN_MODULUS && publicExponent >= 3n;
  } catch {
    return false;
  }
}

function purposeCheck(rsa: readonly Jwk[]): Check {
  const vague = rsa.filter(({ use }) => use !== 'sig');
  if (vague.length === 0) return ok('jwks.use', 'All say that they are for signatures.');
  return warn('jwks.use', `Without "use": "sig": ${named(vague)}.`, 'Add "use": "sig" to each.');
}

function algorithmCheck(rsa: readonly Jwk[]): Check {
  const other = rsa.filter(({ alg }) => alg !== undefined && alg !== 'RS256');
  const vague = rsa.filter(({ alg }) => alg === undefined);
  if (other.length === rsa.length) {
    return fail(
      'jwks.alg',
      `No key is for RS256: ${[...new Set(other.map(({ alg }) => String(alg)))].join(', ')}.`,
      'Publish a key with "alg": "RS256" and sign with it.',
    );
  }
  if (vague.length > 0) {
    return warn('jwks.alg', `Without "alg": ${named(vague)}.`, 'Add "alg": "RS256" to each.');
  }
  return ok('jwks.alg', 'All name their algorithm, RS256 among them.');
}

function kidCheck(jwks: readonly Jwk[]): Check {
  const nameless = jwks.filter(({ kid }) => typeof kid !== 'string' || kid === '');
  if (nameless.length > 0) {
    return fail(
      'jwks.kid',
      `${nameless.length} of ${jwks.length} keys have no kid.`,
      'Give each a kid, such as its RFC 7638 thumbprint, and name it in the header of its tokens.',
    );
  }
  const doubled = jwks.filter(({ kid }, i) => jwks.findIndex((jwk) => jwk.kid === kid) < i);
  if (doubled.length > 0) {
    return fail(
      'jwks.kid',
      `More than one key has the kid ${named(doubled)}.`,
      'Give each a kid of its own: which of them a verifier takes is chance.',
    );
  }
  return ok('jwks.kid', 'Each has a kid of its own.');
}

function privateCheck(jwks: readonly Jwk[]): Check {
  const leaked = jwks.filter((jwk) => jwk.kty === 'oct' || PRIVATE_MEMBERS.some((m) => m in jwk));
  if (leaked.length === 0) return ok('jwks.private', 'None shows a private member.');
  return fail(
    'jwks.private',
    `The private half is published: ${named(leaked)}.`,
    'Anybody can sign with it now: revoke it at once, and publish public members alone.',
  );
}
