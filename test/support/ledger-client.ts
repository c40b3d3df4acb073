import { expect, vi } from 'vitest';
import { PASSWORD } from './client.ts';
import { WAIT } from './server-process.ts';

/** An answer that arrived whole. */
export interface WholeAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly setCookie: string | null;
  /** The seconds after which to ask again; 0 where it does not say. */
  readonly retryAfter: number;
}

/** Posts JSON on a connection that is kept; undefined where no whole answer comes. */
export async function call(
  url: string,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<WholeAnswer | undefined> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    return {
      status: response.status,
      body: (await response.json()) as WholeAnswer['body'],
      setCookie: response.headers.get('set-cookie'),
      retryAfter: Number(response.headers.get('retry-after')),
    };
  } catch {
    return undefined;
  }
}

/** Whether an answer is the 503 of a fault, which is held to saying when to ask again. */
export function isUnavailable(answer: WholeAnswer): boolean {
  if (answer.status !== 503) return false;
  expect(answer).toMatchObject({ body: { code: 'unavailable' } });
  expect(answer.retryAfter).toBeGreaterThanOrEqual(1);
  return true;
}

/** Presents a refresh token in the body. */
export const present = (url: string, refreshToken: string): Promise<WholeAnswer | undefined> =>
  call(`${url}/api/auth/refresh`, { refresh_token: refreshToken });

/**
 * A client that refreshes and keeps the books: what was acknowledged to it must hold, and where no
 * answer came it asks again with the same token, as a good client does.
 */
export interface LedgerClient {
  /** The tokens that it was given, in order; it presents the last. */
  readonly acknowledged: readonly string[];
  /** Presents its token once. @returns whether an answer came that is not a 503. */
  attempt(url: string): Promise<boolean>;
  /** Refreshes again and again until an answer is lost. */
  refreshUntilLost(url: string): Promise<void>;
  /** Refreshes, trying until an answer comes. Throws when it is refused: it is logged out then. */
  refresh(url: string): Promise<void>;
}

/** Makes a client of a session by its first refresh token. */
export function ledgerClient(first: string): LedgerClient {
  const acknowledged = [first];
  /** @returns whether an answer came; a 503 is as good as none */
  async function attempt(url: string): Promise<boolean> {
    const answer = await present(url, acknowledged.at(-1) ?? '');
    if (!answer || isUnavailable(answer)) return false;
    expect(answer).toMatchObject({ status: 200, body: { refresh_token: expect.any(String) } });
    const successor = String(answer.body.refresh_token);
    expect(acknowledged).not.toContain(successor);
    acknowledged.push(successor);
    return true;
  }
  return {
    acknowledged,
    attempt,
    async refreshUntilLost(url) {
      while (await attempt(url));
    },
    async refresh(url) {
      await vi.waitUntil(() => attempt(url), WAIT);
    },
  };
}

/** Registers somebody; undefined where no answer comes. */
export const registerAs = (url: string, email: string): Promise<WholeAnswer | undefined> =>
  call(`${url}/api/auth/register`, { email, password: PASSWORD, name: 'Ann' });
