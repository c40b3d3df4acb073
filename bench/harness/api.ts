import { randomBytes } from 'node:crypto';
import type { Exchange } from './load.ts';

/** A registered user, signed in. */
export interface Account {
  readonly email: string;
  readonly password: string;
  readonly accessToken: string;
  readonly refreshToken: string;
}

/** What a request may carry: a body as JSON, or as a form's fields. */
export interface RequestParts {
  readonly body?: object;
  readonly form?: Readonly<Record<string, string>>;
  readonly bearer?: string;
  readonly cookie?: string;
}

/** A whole HTTP request, as a browser's or a service's shortest would be. */
export function httpRequest(
  port: number,
  method: 'GET' | 'POST',
  path: string,
  { body, form, bearer, cookie }: RequestParts = {},
): string {
  const head = [
    `${method} ${path} HTTP/1.1`,
    `Host: localhost:${port}`,
    'Accept: */*',
    'User-Agent: keyturn-bench',
  ];
  if (bearer !== undefined) head.push(`Authorization: Bearer ${bearer}`);
  if (cookie !== undefined) head.push(`Cookie: ${cookie}`);
  if (body === undefined && form === undefined) return `${head.join('\r\n')}\r\n\r\n`;
  const text = form ? String(new URLSearchParams(form)) : JSON.stringify(body);
  const type = form ? 'application/x-www-form-urlencoded' : 'application/json';
  head.push(`Content-Type: ${type}`, `Content-Length: ${Buffer.byteLength(text)}`);
  return `${head.join('\r\n')}\r\n\r\n${text}`;
}

/** The same request again and again, each to be answered with `status`. */
export function repeat(request: string, status: number): Exchange {
  return { next: () => request, answered: expectStatus(status) };
}

/** A new request each time, each to be answered with `status`. */
export const renew = (next: () => string, status: number): Exchange => ({
  next,
  answered: expectStatus(status),
});

/** A session that is refreshed, each time with the token that came last. */
export const walkSession = (port: number, firstToken: string): Exchange =>
  walkSessions(port, [firstToken], { first: 0, step: 1 });

/**
 * Sessions that are refreshed in turn: those at `first` and every `step` after. Their current tokens
 * are kept in `tokens`.
 */
export function walkSessions(
  port: number,
  tokens: string[],
  { first, step }: { readonly first: number; readonly step: number },
): Exchange {
  let at = first;
  const check = expectStatus(200);
  const before = '"refresh_token":"';
  return {
    next: () =>
      httpRequest(port, 'POST', '/api/auth/refresh', { body: { refresh_token: tokens[at] } }),
    answered(status, body) {
      check(status, body);
      const from = body.indexOf(before) + before.length;
      const successor = body.slice(from, body.indexOf('"', from));
      if (from < before.length || successor === tokens[at]) {
        throw new Error('no new refresh token came');
      }
      tokens[at] = successor;
      at += step;
      if (at >= tokens.length) at = first;
      return true;
    },
  };
}

/** Registers so many users, and returns them signed in. */
export async function registerAccounts(port: number, count: number): Promise<Account[]> {
  const accounts: Account[] = [];
  while (accounts.length < count) {
    const body = newRegistration();
    const answer = await fetch(`http://127.0.0.1:${port}/api/auth/register`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    expectStatus(201)(answer.status, text);
    const tokens = JSON.parse(text) as { access_token: string; refresh_token: string };
    const { email, password } = body;
    accounts.push({
      ...{ email, password },
      ...{ accessToken: tokens.access_token, refreshToken: tokens.refresh_token },
    });
  }
  return accounts;
}

/** A registration of somebody new. */
export function newRegistration(): { email: string; password: string; name: string } {
  const id = randomBytes(9).toString('hex');
  return { email: `${id}@example.com`, password: `battery ${id}`, name: 'Ada Lovelace' };
}

/** Throws for an answer with another status; else it is over. */
export function expectStatus(expected: number): (status: number, body: string) => true {
  return (status, body) => {
    if (status !== expected) throw new Error(`${status} instead of ${expected}: ${body}`);
    return true;
  };
}
