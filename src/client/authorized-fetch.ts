import type { Platform } from './platform.ts';
import type { Session } from './session.ts';

type Input = Parameters<typeof fetch>[0];

/**
 * `fetch` with the access token (RFC 6750). A 401 that says `invalid_token` is answered by one
 * refresh and one more try; whatever comes then is the answer. A body given as a stream is gone by
 * then: its 401 is returned, and the next call has the new token.
 */
export function authorizedFetch(
  platform: Pick<Platform, 'fetch'>,
  session: Pick<Session, 'accessToken' | 'replace'>,
): typeof fetch {
  const send = (input: Input, init: RequestInit | undefined, token: string) => {
    const given = init?.headers ?? (input instanceof Request ? input.headers : undefined);
    const headers = new Headers(given);
    headers.set('Authorization', `Bearer ${token}`);
    return platform.fetch(input, { ...init, headers });
  };

  return async (input, init) => {
    // Sending a Request uses up its body.
    const again = input instanceof Request ? input.clone() : input;
    const token = await session.accessToken();
    const response = await send(input, init, token);
    if (response.status !== 401 || !isTokenRefused(response)) return response;
    const next = await session.replace(token);
    return init?.body instanceof ReadableStream ? response : send(again, init, next);
  };
}

const isTokenRefused = ({ headers }: Response): boolean =>
  /\berror="?invalid_token\b/.test(headers.get('WWW-Authenticate') ?? '');
