import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { claimsOf } from '../support/client.ts';
import type { OpenedKeys } from '../support/opened-keys.ts';

/** What forgers have: a good token, another one of the same user, and, for some, the real key. */
export interface Workshop {
  readonly keys: OpenedKeys;
  readonly token: string;
  readonly otherToken: string;
  readonly refreshToken: string;
  /** The instant of the request, in seconds. */
  readonly now: number;
}

/** A kind of token that is refused: its name, the code, and how it is made. */
export type Forgery = readonly [name: string, code: string, make: (workshop: Workshop) => string];

/** A JSON text or the value of one, in base64url. */
export const encoded = (part: unknown): string =>
  Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');

/** Signs what stands before the signature with RS256. */
export const signed = (input: string, key: KeyObject): string =>
  `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`;

/** The good token with another header, correctly signed. */
export function withHeader(workshop: Workshop, header: unknown): string {
  const { token, keys } = workshop;
  return signed(`${encoded(header)}.${token.split('.')[1]}`, keys.active.privateKey);
}

/** The good token with other claims, correctly signed; undefined leaves a claim out. */
export function withClaims(workshop: Workshop, claims: Record<string, unknown>): string {
  return withPayload(workshop, { ...claimsOf(workshop.token), ...claims });
}

/** The good token with another payload, correctly signed. */
export function withPayload({ token, keys }: Workshop, payload: unknown): string {
  return signed(`${token.split('.')[0]}.${encoded(payload)}`, keys.active.privateKey);
}

/** The contract's codes. */
export const MALFORMED = 'token_malformed';
export const SIGNATURE = 'token_signature_invalid';
export const CLAIMS = 'token_claims_invalid';
export const EXPIRED = 'token_expired';

/** A key of the right kind that is not ours. */
export const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
