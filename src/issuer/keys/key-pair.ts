import { createPrivateKey, generateKeyPair, type JsonWebKey, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { calculateJwkThumbprint } from 'jose';
import type { Kid } from '../../kit/id.ts';

/** The public half of a signing key as the JWKS shows it (RFC 7517). */
export interface PublicJwk {
  readonly kty: 'RSA';
  readonly use: 'sig';
  readonly kid: Kid;
  readonly alg: 'RS256';
  readonly n: string;
  readonly e: string;
}

/** A key pair just made: what is published, and what is sealed (PKCS #8, DER). */
export interface NewKeyPair {
  readonly publicJwk: PublicJwk;
  readonly privateKey: Buffer;
  readonly bits: number;
}

const generate = promisify(generateKeyPair);

/** Makes an RSA pair of `bits`, off the event loop. Its `kid` is its RFC 7638 thumbprint. */
export async function makeKeyPair(bits: number): Promise<NewKeyPair> {
  const { privateKey, publicKey } = await generate('rsa', { modulusLength: bits });
  return {
    publicJwk: await publicJwkOf(publicKey),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'der' }),
    bits,
  };
}

/** The published form of a key. */
export async function publicJwkOf(key: KeyObject): Promise<PublicJwk> {
  const { n, e } = key.export({ format: 'jwk' }) as JsonWebKey & { n: string; e: string };
  const kid = (await calculateJwkThumbprint({ kty: 'RSA', n, e })) as Kid;
  return { kty: 'RSA', use: 'sig', kid, alg: 'RS256', n, e };
}

/** A private key from its sealed form's plaintext (PKCS #8, DER). */
export const readPrivateKey = (der: Buffer): KeyObject =>
  createPrivateKey({ key: der, type: 'pkcs8', format: 'der' });
