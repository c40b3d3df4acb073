import { randomFillSync } from 'node:crypto';
import type { Brand } from './brand.ts';

/** A user's id, the `sub` of tokens: a UUID. */
export type UserId = Brand<string, 'UserId'>;
/** A session's id, the `sid` of tokens: a UUID. */
export type SessionId = Brand<string, 'SessionId'>;
/** A signing key's id: its RFC 7638 thumbprint. */
export type Kid = Brand<string, 'Kid'>;

/**
 * A fresh UUID version 7 (RFC 9562): its first 48 bits are the time in milliseconds, so that
 * rows made one after another lie together in an index.
 */
export function newUuid(now: Date): string {
  const bytes = randomFillSync(Buffer.allocUnsafe(16));
  bytes.writeUIntBE(now.getTime(), 0, 6);
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  return formatUuid(bytes);
}

/** Sixteen bytes as the usual text. */
export function formatUuid(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The sixteen bytes of a UUID's text. */
export const uuidBytes = (uuid: string): Buffer => Buffer.from(uuid.replaceAll('-', ''), 'hex');

/** Whether a text is a UUID in its usual lower-case or upper-case form. */
export const isUuid = (text: string): boolean =>
  /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text);
