import type { ServerResponse } from 'node:http';

/** How long a head is sent again, in milliseconds: its Date says the second (RFC 9110 section 6.6.1). */
const LIFETIME = 500;

/** The head of an answer as Node.js has written it, to be sent again with another request id. */
export interface ReusableHead {
  /**
   * Gives a response the head that was kept.
   * @param now `clock.monotonic()`
   * @returns false where it needs one of its own
   */
  write(res: ServerResponse, requestId: string, now: number): boolean;
  /** Keeps the head that a response has just been given. @param now as for `write` */
  keep(res: ServerResponse, requestId: string, now: number): void;
  /** To be called when the headers change. */
  forget(): void;
}

/** Node.js keeps the head as text here, and nowhere public; `headersSent` says whether there is one. */
type WithHead = ServerResponse & { _header?: unknown };

/**
 * Makes a head that holds none yet. A tenth of what an answer made in advance costs is Node's looking
 * at a dozen headers, the same again and again.
 */
export function reusableHead(): ReusableHead {
  let before = '';
  let after = '';
  let until = Number.NEGATIVE_INFINITY;
  return {
    write(res: WithHead, requestId, now) {
      if (!res.shouldKeepAlive || now >= until) return false;
      res._header = before + requestId + after;
      return res.headersSent;
    },
    keep(res: WithHead, requestId, now) {
      const head = res._header;
      if (typeof head !== 'string' || !res.shouldKeepAlive) return;
      const at = head.indexOf(requestId);
      before = head.slice(0, at);
      after = head.slice(at + requestId.length);
      until = now + LIFETIME;
    },
    forget() {
      until = Number.NEGATIVE_INFINITY;
    },
  };
}
