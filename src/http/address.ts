import type { IncomingMessage } from 'node:http';
import { isIP, type Socket } from 'node:net';

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
  return plainAddress(withoutPort((entry ?? '').trim())) ?? socket;
}

/** What a connection's address was found to be: it carries many requests. */
const peers = new WeakMap<Socket, string>();

function peerAddress(socket: Socket): string {
  const known = peers.get(socket);
  if (known !== undefined) return known;
  const { remoteAddress } = socket;
  // A connection that is gone has none any more.
  if (remoteAddress === undefined) return 'unknown';
  const address = plainAddress(remoteAddress) ?? 'unknown';
  peers.set(socket, address);
  return address;
}

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
