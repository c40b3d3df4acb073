import { randomBytes } from 'node:crypto';

/** Makes request ids: unique among all processes, and cheap enough for every request. */
export type NewRequestId = () => string;

/**
 * A generator of request ids: 96 random bits of this process and a counter. They are names, not
 * secrets, so that the second half may be guessed.
 */
export function requestIds(): NewRequestId {
  const prefix = randomBytes(12).toString('hex');
  let count = 0;
  return () => {
    count += 1;
    return `${prefix}-${count.toString(36)}`;
  };
}

/** A proxy's own id of the request, for the log; undefined unless it is a harmless short word. */
export function upstreamRequestId(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  return /^[A-Za-z0-9._-]{1,64}$/.test(header) ? header : undefined;
}
