import { hash } from 'node:crypto';

/** SHA-256's block, in bytes. */
const BLOCK = 64;

/**
 * SHA-256. Through a string: a buffer that OpenSSL fills lies outside the heap, and to make and to
 * collect one takes longer than the hash.
 */
export const sha256 = (data: Uint8Array): Buffer =>
  Buffer.from(hash('sha256', data, 'binary'), 'latin1');

/**
 * HMAC-SHA-256 (RFC 2104). By two hashes of one call each: an object of Node's own takes five times
 * as long to set up as so short a text takes to be hashed.
 */
export function hmacSha256(key: Uint8Array, data: Uint8Array): Buffer {
  const short = key.length > BLOCK ? sha256(key) : key;
  const inner = sha256(Buffer.concat([padded(short, 0x36), data]));
  return sha256(Buffer.concat([padded(short, 0x5c), inner]));
}

/** HKDF-SHA-256 (RFC 5869) for one block of output: 32 bytes. */
export function hkdfSha256(secret: Uint8Array, salt: Uint8Array, info: Uint8Array): Buffer {
  return hmacSha256(hmacSha256(salt, secret), Buffer.concat([info, Buffer.of(1)]));
}

function padded(key: Uint8Array, byte: number): Uint8Array {
  const block = Buffer.allocUnsafe(BLOCK).fill(byte);
  for (let i = 0; i < key.length; i++) block[i] = byte ^ (key[i] as number);
  return block;
}
