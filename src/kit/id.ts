import { randomFillSync } from 'node:crypto';
import type { Brand } from './brand.ts';

/** A user's id, the `sub` of tokens: a UUID. */
export type UserId = Brand<string, 'UserId'>;
/** A session's id, the `sid` of tokens: a UUID. */
export type SessionId = Brand<string, 'SessionId'>;
/** A signing key's id: its RFC 7638 thumbprint. */
export type Kid = Brand<string, 'Kid'>;

/** Of the random bits of a UUID, those that come first and so decide the order within a millisecond. */
const PLACES = 2 ** 42;
/** How far apart places are at most: room for millions within a millisecond. */
const STEP = 2 ** 19;

let latest = { time: -1, place: 0 };

/**
 * A fresh UUID version 7 (RFC 9562): its first 48 bits are the time in milliseconds, so that
 * rows made one after another lie together in an index. Those that a process makes in one and the
 * same millisecond are in the order of their making, too (section 6.2, method 2).
 */
export function newUuid(now: Date): string {
  const bytes = randomFillSync(Buffer.allocUnsafe(16));
  const time = now.getTime();
  const drawn = bytes.readUIntBE(6, 6);
  const following = time === latest.time ? latest.place + 1 + (drawn % STEP) : PLACES;
  // The first has half of the places behind it.
  const place = following < PLACES ? following : drawn % (PLACES / 2);
  latest = { time, place };
  bytes.writeUIntBE(time, 0, 6);
  bytes.writeUInt16BE(0x7000 + Math.floor(place / 2 ** 30), 6);
  bytes.writeUInt32BE(0x80000000 + (place % 2 ** 30), 8);
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
