import { type Keyturn, KeyturnError } from '../../client/keyturn.ts';

/** A todo as the resource server has it. */
export interface Todo {
  readonly id: string;
  readonly title: string;
  readonly completed: boolean;
}

/** A todo with its entity tag, for If-Match. */
export interface Versioned {
  readonly todo: Todo;
  readonly etag: string | undefined;
}

interface Page {
  readonly todos: readonly Todo[];
  readonly next_cursor: string | null;
}

/** What any call may answer: one todo, or a page of them, or nothing. */
type Answer = Versioned & Page;

/** Calls a user's todos; paths are what follows `/todos`. @throws KeyturnError */
export type Request = (
  method: string,
  path: string,
  body?: object,
  headers?: Record<string, string>,
  more?: RequestInit,
) => Promise<Answer>;

/**
 * Makes what calls the todos of whoever is signed in at the first call, and of nobody else: what is
 * under way, or waits for a token, when somebody else logs in, is not done in their name.
 */
export function createRequest(
  keyturn: Pick<Keyturn, 'fetch' | 'getAccessToken' | 'user'>,
): Request {
  let owner: string | undefined;
  return async (method, path, body, headers, more) => {
    await keyturn.getAccessToken();
    const { id } = keyturn.user ?? {};
    owner ??= id;
    if (id !== owner) throw new KeyturnError(401, { code: 'session_ended' });
    const response = await keyturn.fetch(`/api/users/${owner}/todos${path}`, {
      ...more,
      method,
      headers: { ...headers, ...(body && { 'Content-Type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    const answer = response.status === 204 ? {} : await response.json();
    if (!response.ok) throw new KeyturnError(response.status, answer);
    return { ...answer, todo: answer, etag: response.headers.get('ETag') ?? undefined };
  };
}

/** What can be read, and heard, of a title in a sentence. */
const QUOTED = 80;

/** A title in a sentence: one that is too long to be taken is too long to be read out, too. */
export function quote(title: string): string {
  const signs = [...title];
  return `“${signs.length > QUOTED ? `${signs.slice(0, QUOTED).join('')}…` : title}”`;
}

/** The end of a sentence that began with what it is about. */
export function explain(error: unknown): string {
  const { status = 0, code = '', fields = [] } = error instanceof KeyturnError ? error : {};
  if (status === 404) return 'was deleted elsewhere.';
  if (status === 401) return 'needs you to log in again.';
  if (code === 'invalid_request') {
    return `was refused: ${fields[0] ? `it ${fields[0].message}.` : (error as Error).message}`;
  }
  if (status === 0) return 'did not get through: there is no connection. Try again.';
  return 'did not get through. Try again in a moment.';
}
