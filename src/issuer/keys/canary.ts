import type { KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import { after, seconds } from '../../kit/duration.ts';
import type { Kid } from '../../kit/id.ts';

/** The `typ` of a canary, which no verifier of access tokens accepts. */
export const CANARY_TYPE = 'keyturn-canary+jwt';

/** A token that proves that a key can be verified, and says nothing else. */
export interface Canary {
  readonly kid: Kid;
  readonly token: string;
}

/**
 * Signs a canary: no issuer, subject or audience, a type of its own, over after a second. It is
 * the one thing that a key may sign before its time, and never leaves the process.
 */
export async function signCanary(kid: Kid, privateKey: KeyObject, now: Date): Promise<Canary> {
  const token = await new SignJWT()
    .setProtectedHeader({ alg: 'RS256', kid, typ: CANARY_TYPE })
    .setIssuedAt(now)
    .setExpirationTime(after(now, seconds(1)))
    .sign(privateKey);
  return { kid, token };
}
