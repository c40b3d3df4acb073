import { KeyturnError } from './error.ts';
import type { Platform } from './platform.ts';
import type { Session } from './session.ts';

type Input = Parameters<typeof fetch>[0];

/**
 * `fetch` with the access token (RFC 6750). A 401 that says `invalid_token` is answered by one
 * refresh and one more try; whatever comes then is the answer. A body given as a stream is gone by
 * then: its 401 is returned, and the next call has the new token. What one user asks for is never
 * sent in the name of another who logs in meanwhile.
 */
export function authorizedFetch(
  platform: Pick<Platform, 'fetch'>,
  session: Pick<Session, 'user' | 'accessToken' | 'replace'>,
): typeof fetch {
  const send = (input: Input, init: RequestInit | undefined, token: string) => {
    const given = init?.headers ?? (input instanceof Request ? input.headers : undefined);
    const headers = new Headers(given);
    headers.set('Authorization', `Bearer ${token}`);
    return platform.fetch(input, { ...init, headers });
  };

  return async (input, init) => {
    const request = input instanceof Request ? input : undefined;
    const signal = init?.signal === undefined ? request?.signal : init.signal;
    signal?.throwIfAborted();
    // Sending a Request uses up its body.
    const again = request?.clone() ?? input;
    let owner = session.user()?.id;
    const ownersOnly = async (asked: Promise<string>): Promise<string> => {
      const token = await unless(signal, asked);
      const id = session.user()?.id;
      owner ??= id;
      if (id === owner) return token;
      const detail = 'Somebody else has logged in meanwhile.';
      throw new KeyturnError(401, { code: 'session_ended', detail });
    };

    const token = await ownersOnly(session.accessToken());
    const response = await send(input, init, token);
    if (response.status !== 401 || !isTokenRefused(response)) return response;
    const next = await ownersOnly(session.replace(token));
    return init?.body instanceof ReadableStream ? response : send(again, init, next);
  };
}

const isTokenRefused = ({ headers }: Response): boolean =>
  /\berror="?invalid_token\b/.test(headers.get('WWW-Authenticate') ?? '');

/** Settles as `work` does, or rejects when the signal aborts, with its reason, as `fetch` would. */
function unless<T>(signal: AbortSignal | null | undefined, work: Promise<T>): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop);
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
