import type { IncomingMessage } from 'node:http';
import { isIPv6 } from 'node:net';
import { AppError, invalidRequest } from '../kit/errors.ts';
import type { Exchange } from './body.ts';
import { closeAfter } from './connection.ts';
import { pathOf } from './target.ts';

type Fault = 'version' | 'no host' | 'hosts' | 'bad host' | 'coding';

const SAID: Readonly<Record<Fault, string>> = {
  version: 'Of HTTP only the versions 1.0 and 1.1 are spoken here.',
  'no host': 'There is no Host header.',
  hosts: 'There is more than one Host header.',
  'bad host': 'The Host header is no name or address with an optional port.',
  coding: 'Of transfer codings only chunked is read, once and in HTTP/1.1.',
};

/**
 * RFC 3986 sections 3.2.2 and 3.2.3, but for two things. Commas: no name has one, and a list is
 * several Hosts that something on the way has joined. Addresses of IP versions to come.
 */
const HOST = /^(?:\[([\da-f:.]+)\]|(?:[\w.~!$&'()*+;=-]|%[\da-f]{2})+)(?::\d*)?$/i;

/**
 * Answers the same whatever the Host, to probes that say no more of it than the name of a cluster in
 * some balancer's configuration, or nothing.
 */
const PROBED: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics']);

/** Nearly every request has the Host of the one before it. */
let lastGood: string | undefined;

/** What was wrong with the few requests that are to be refused. */
const faults = new WeakMap<IncomingMessage, Fault>();

/**
 * Judges a head, once a request: faulty are those without exactly one valid Host (RFC 9112 section
 * 3.2) or whose transfer coding is not understood (section 6.1). An empty Host is for targets
 * without an authority, and those of http and https all have one (RFC 9110 section 4.2). The
 * connection of a faulty request is closed, and `refuseFaulty` says why.
 */
export function judgeHead({ req, res }: Exchange): 'faulty' | 'body' | 'plain' {
  const found = lookAtHead(req);
  if (found === 'plain' || found === 'body') return found;
  closeAfter({ req, res });
  faults.set(req, found);
  return 'faulty';
}

/** Refuses a request that `judgeHead` has found faulty. Throws an `AppError`. */
export function refuseFaulty(req: IncomingMessage): void {
  const fault = faults.get(req);
  if (fault) throw new AppError(invalidRequest, { detail: SAID[fault] });
}

/** In one pass, what is wrong with a head, or whether it announces a body. */
export function lookAtHead(req: IncomingMessage): Fault | 'body' | 'plain' {
  const { rawHeaders, httpVersion } = req;
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return 'version';
  let host: string | undefined;
  let found: 'body' | 'plain' = 'plain';
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    if (name.length === 4 && name.toLowerCase() === 'host') {
      if (host !== undefined) return 'hosts';
      host = rawHeaders[i + 1] ?? '';
    } else if (name.length === 14 && name.toLowerCase() === 'content-length') {
      found = 'body';
    } else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') {
      if (httpVersion !== '1.1') return 'coding';
      if (rawHeaders[i + 1]?.toLowerCase() !== 'chunked') return 'coding';
      found = 'body';
    }
  }
  if (host === undefined) return httpVersion === '1.1' ? 'no host' : found;
  if (host !== lastGood) {
    if (isHost(host)) lastGood = host;
    else if (!PROBED.has(pathOf(req.url ?? ''))) return 'bad host';
  }
  return found;
}

function isHost(text: string): boolean {
  const match = HOST.exec(text);
  return match !== null && (match[1] === undefined || isIPv6(match[1]));
}
