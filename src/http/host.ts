import type { IncomingMessage } from 'node:http';
import { isIPv6 } from 'node:net';
import { AppError, invalidRequest } from '../kit/errors.ts';

type Fault = 'missing' | 'several' | 'invalid';

const SAID: Readonly<Record<Fault, string>> = {
  missing: 'There is no Host header.',
  several: 'There is more than one Host header.',
  invalid: 'The Host header is no name or address with an optional port.',
};

/**
 * RFC 3986 sections 3.2.2 and 3.2.3, but for two things. Commas: no name has one, and a list is
 * several Hosts that something on the way has joined. Addresses of IP versions to come.
 */
const HOST = /^(?:\[([\da-f:.]+)\]|(?:[\w.~!$&'()*+;=-]|%[\da-f]{2})+)(?::\d*)?$/i;

/** Nearly every request has the Host of the one before it. */
let lastGood = '';

/**
 * Refuses requests without exactly one valid Host (RFC 9112 section 3.2). An empty one is for
 * targets without an authority, and those of http and https all have one (RFC 9110 section 4.2).
 * Throws an `AppError`.
 */
export function checkHost(req: IncomingMessage): void {
  const fault = hostFault(req);
  if (fault !== undefined) throw new AppError(invalidRequest, { detail: SAID[fault] });
}

/** Whether `checkHost` would refuse a request. */
export const hasFaultyHost = (req: IncomingMessage): boolean => hostFault(req) !== undefined;

function hostFault({ rawHeaders, httpVersion }: IncomingMessage): Fault | undefined {
  let host: string | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    if (name.length !== 4 || name.toLowerCase() !== 'host') continue;
    if (host !== undefined) return 'several';
    host = rawHeaders[i + 1] ?? '';
  }
  if (host === undefined) return httpVersion === '1.1' ? 'missing' : undefined;
  if (host === lastGood) return undefined;
  if (!isHost(host)) return 'invalid';
  lastGood = host;
  return undefined;
}

function isHost(text: string): boolean {
  const match = HOST.exec(text);
  return match !== null && (match[1] === undefined || isIPv6(match[1]));
}
