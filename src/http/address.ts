import type { IncomingMessage } from 'node:http';
import { isIP, type Socket } from 'node:net';
import { withoutWhiteSpace } from './white-space.ts';

/**
 * The client's address as `hops` trusted proxies tell it. Each proxy appends the address it was
 * called from to X-Forwarded-For, so the trusted entries are counted from the right; what stands
 * left of them the client may have written itself. With fewer entries than hops the rightmost
 * counts, the one that a trusted proxy surely wrote; an entry that is no address leaves the
 * socket's. IPv4 in IPv6 is written as IPv4.
 */
export function clientAddress(req: IncomingMessage, hops: number): string {
  const socket = peerAddress(req.socket);
  if (hops === 0) return socket;
  const header = req.headers['x-forwarded-for'];
  if (header === undefined) return socket;
  const entries = (typeof header === 'string' ? header : header.join(',')).split(',');
  const entry = entries.length >= hops ? entries[entries.length - hops] : entries.at(-1);
  return plainAddress(withoutPort(withoutWhiteSpace(entry ?? ''))) ?? socket;
}

/** What a connection's address was found to be: it carries many requests. */
const peers = new WeakMap<object, string>();

/**
 * Looks up a connection's address as it comes in. Once a client has reset it there is none to be
 * had, though its request was read; and what nobody is seen to ask belongs to no limit and no event.
 * @returns whether there is one
 */
export function notePeer(socket: Socket): boolean {
  const address = plainAddress(socket.remoteAddress ?? '');
  if (address !== undefined) peers.set(socket, address);
  return address !== undefined;
}

/** The address that a connection came from. */
export const peerAddress = (socket: object): string => peers.get(socket) ?? 'unknown';

function withoutPort(entry: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(entry);
  if (bracketed) return bracketed[1] ?? '';
  const v4 = /^([\d.]+):\d+$/.exec(entry);
  return v4?.[1] ?? entry;
}

/** An IP address in its shortest usual spelling; undefined for anything else. */
export function plainAddress(address: string): string | undefined {
  if (address.length > 64) return undefined;
  const bare = address.split('%', 1)[0] ?? '';
  if (isIP(bare) === 0) return undefined;
  const lower = bare.toLowerCase();
  const mapped = lower.startsWith('::ffff:') ? lower.slice(7) : '';
  return isIP(mapped) === 4 ? mapped : lower;
}
