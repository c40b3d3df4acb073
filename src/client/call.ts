import { errorOf, KeyturnError, networkError } from './error.ts';
import type { Platform } from './platform.ts';
import { isTokenAnswer, type TokenAnswer } from './token.ts';

/** A call whose answer sets, changes or clears the cookie. */
export type Call = 'register' | 'login' | 'refresh' | 'logout';

const TIMEOUT = 20_000;

/** For as long as a call is waited for, or two that follow each other in one turn. */
export const patience = (): AbortSignal => AbortSignal.timeout(TIMEOUT);

/** What a call answers that signs nobody in. */
const NOBODY: Partial<Record<Call, number>> = { register: 202, logout: 204 };

/** What is asked of an issuer, and how long its answer is waited for. */
interface Post {
  readonly call: Call;
  readonly body: object;
  readonly signal: AbortSignal;
}

/**
 * Posts to an issuer; undefined for an answer that signs nobody in.
 * @throws KeyturnError `network_error`, or `unexpected_answer` for a 200 of somebody else's: proxies
 *   and networks that want a login of their own answer in a service's place
 */
export async function post(
  platform: Pick<Platform, 'fetch'>,
  issuer: string,
  { call, body, signal }: Post,
): Promise<TokenAnswer | undefined> {
  let response: Response;
  let text = '';
  try {
    response = await platform.fetch(`${issuer}/api/auth/${call}`, {
      method: 'POST',
      credentials: 'include',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      signal,
    });
    if (response.ok) text = await response.text();
  } catch (error) {
    throw networkError(error);
  }
  if (!response.ok) throw await errorOf(response);
  if (response.status === NOBODY[call]) return undefined;
  const answer = readJson(text);
  if (call !== 'logout' && isTokenAnswer(answer)) return answer;
  throw new KeyturnError(response.status, { detail: 'The answer is not Keyturn’s.' });
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
