import { randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { hkdfSha256, hmacSha256, sha256 } from '../../kit/hmac.ts';
import { formatUuid, type SessionId, uuidBytes } from '../../kit/id.ts';

/**
 * A refresh token: `ktr_` and, in base64url, version (1 byte), tag key (1), session id (16),
 * generation (4), secret (32) and tag (32). The tag is an HMAC-SHA-256 over all before it, so
 * that what was never issued is refused without a look at the database.
 */
export interface RefreshToken {
  readonly sessionId: SessionId;
  readonly generation: number;
  readonly secret: Buffer;
}

/** The key of tags. */
export type TagKey = Buffer;

const PREFIX = 'ktr_';
const VERSION = 1;
const TAG_KEY = 1;
const HEAD = 2 + 16 + 4;
const BODY = HEAD + 32;
const LENGTH = BODY + 32;
const TEXT_LENGTH = PREFIX.length + Math.ceil((LENGTH * 4) / 3);

/** The first token of a session. */
export const firstRefreshToken = (sessionId: SessionId): RefreshToken => ({
  sessionId,
  generation: 1,
  secret: randomBytes(32),
});

/** Writes a token as clients see it. */
export function formatRefreshToken(token: RefreshToken, tagKey: TagKey): string {
  const bytes = Buffer.allocUnsafe(LENGTH);
  writeBody(bytes, token);
  tag(bytes, tagKey).copy(bytes, BODY);
  return PREFIX + bytes.toString('base64url');
}

/** Reads a token; undefined for anything that this issuer did not write. */
export function readRefreshToken(text: string, tagKey: TagKey): RefreshToken | undefined {
  if (text.length !== TEXT_LENGTH || !text.startsWith(PREFIX)) return undefined;
  const encoded = text.slice(PREFIX.length);
  const bytes = Buffer.from(encoded, 'base64url');
  if (bytes.length !== LENGTH || bytes.toString('base64url') !== encoded) return undefined;
  if (bytes[0] !== VERSION || bytes[1] !== TAG_KEY) return undefined;
  if (!timingSafeEqual(tag(bytes, tagKey), bytes.subarray(BODY))) return undefined;
  return {
    sessionId: formatUuid(bytes.subarray(2, 18)) as SessionId,
    generation: bytes.readUInt32BE(18),
    secret: bytes.subarray(HEAD, BODY),
  };
}

/** What the database keeps of a token: SHA-256 over session id, generation and secret. */
export function hashRefreshToken(token: RefreshToken): Buffer {
  const bytes = Buffer.allocUnsafe(BODY);
  writeBody(bytes, token);
  return sha256(bytes.subarray(2));
}

/**
 * The successor of a token: HKDF (RFC 5869) of its secret, salted by its rotation. Whoever holds
 * the token and knows the salt arrives at the same one, so that it need not be stored.
 */
export function successorOf(token: RefreshToken, salt: Buffer, generation: number): RefreshToken {
  const info = Buffer.allocUnsafe(20);
  uuidBytes(token.sessionId).copy(info);
  info.writeUInt32BE(generation, 16);
  const secret = hkdfSha256(token.secret, salt, info);
  return { sessionId: token.sessionId, generation, secret };
}

/** A salt for one rotation: no secret, and 122 random bits, which Node.js draws in advance. */
export const newSalt = (): Buffer => uuidBytes(randomUUID());

function writeBody(bytes: Buffer, token: RefreshToken): void {
  bytes[0] = VERSION;
  bytes[1] = TAG_KEY;
  uuidBytes(token.sessionId).copy(bytes, 2);
  bytes.writeUInt32BE(token.generation, 18);
  token.secret.copy(bytes, HEAD);
}

const tag = (bytes: Buffer, tagKey: TagKey): Buffer => hmacSha256(tagKey, bytes.subarray(0, BODY));
