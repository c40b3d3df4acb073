import { expect } from 'vitest';
import { seconds } from '../../src/kit/duration.ts';
import { NEW_PASSWORD } from '../support/accounts.ts';
import { claimsOf, freshEmail, PASSWORD } from '../support/client.ts';
import { mailedToken } from '../support/eml.ts';
import { ISSUER, type TestKeyturn } from '../support/keyturn.ts';
import type { Received, Sent } from '../support/openapi.ts';

/** A call by its name in the document: `DELETE /api/auth/sessions/{id}`. */
export interface Visit extends Sent {
  /** What stands in the path; `me` and an id that nobody has when absent. */
  readonly in?: Readonly<Record<string, string>>;
  readonly query?: string;
  /** Another server than those that describe the call. */
  readonly url?: string;
}

/** Makes a call, and holds the answer to what the document says of it. */
export type Call = (name: string, visit?: Visit) => Promise<Received>;

/** Who goes where. */
export interface Tour {
  readonly call: Call;
  /** The one with the users. */
  readonly keyturn: TestKeyturn;
}

/** Somebody who has registered. */
export interface Visitor {
  readonly email: string;
  readonly token: string;
  readonly refreshToken: string;
}

export const EVIL = { Origin: 'https://evil.example' };
const OWN = { Origin: ISSUER };

/** Registers somebody. */
export async function register(call: Call): Promise<Visitor> {
  const email = freshEmail();
  const body = { email, password: PASSWORD, name: 'Ann' };
  const { body: answer } = await call('POST /api/auth/register', { body });
  return { email, token: answer.access_token, refreshToken: answer.refresh_token };
}

/** Logs in by cookie, and answers the cookie. */
export async function cookieOf(call: Call, email: string): Promise<{ Cookie: string }> {
  const body = { email, password: PASSWORD, delivery: 'cookie' };
  const { headers } = await call('POST /api/auth/login', { body, headers: OWN });
  return { Cookie: headers['set-cookie']?.[0]?.split(';')[0] ?? '' };
}

/** Every call of the issuer, as it is meant. */
export async function useAccounts({ call, keyturn }: Tour): Promise<void> {
  const { email, token, refreshToken } = await register(call);
  await call('POST /api/auth/refresh', { body: { refresh_token: refreshToken } });
  await call('GET /api/auth/me', { token });
  await call('PATCH /api/auth/me', { token, body: { name: 'Anna' } });

  const { body: phone } = await call('POST /api/auth/login', {
    body: { email, password: PASSWORD },
  });
  const id = String(claimsOf(phone.access_token).sid);
  const { body: list } = await call('GET /api/auth/sessions', { token });
  expect(list.sessions).toHaveLength(2);
  await call('DELETE /api/auth/sessions/{id}', { token, in: { id } });
  await call('POST /api/auth/logout', { body: { refresh_token: phone.refresh_token } });
  const cookie = await cookieOf(call, email);
  keyturn.clock.advance(seconds(60));
  await call('POST /api/auth/refresh', { headers: { ...OWN, ...cookie } });
  await call('POST /api/auth/logout', { headers: { ...OWN, ...cookie } });

  await call('POST /api/auth/email/resend', { token });
  await call('POST /api/auth/email/resend', { body: { email } });
  const address = freshEmail();
  const change = { email: address, current_password: PASSWORD };
  await call('POST /api/auth/email/change', { token, body: change });
  const confirmation = { token: await mailedToken(keyturn, address) };
  await call('POST /api/auth/email/verify', { body: confirmation });
  const passwords = { current_password: PASSWORD, new_password: NEW_PASSWORD };
  await call('POST /api/auth/password/change', { token, body: passwords });
  await call('POST /api/auth/password/reset', {
    body: { token: await forgotten({ call, keyturn }, address), password: PASSWORD },
  });
  const back = await call('POST /api/auth/login', { body: { email: address, password: PASSWORD } });
  await call('POST /api/auth/logout-all', { token: back.body.access_token });
  const again = await call('POST /api/auth/login', {
    body: { email: address, password: PASSWORD },
  });
  const body = { current_password: PASSWORD };
  await call('DELETE /api/auth/me', { token: again.body.access_token, body });
}

/** The token of a mail that lets somebody set another password. */
export async function forgotten({ call, keyturn }: Tour, email: string): Promise<string> {
  keyturn.clock.advance(seconds(1));
  await call('POST /api/auth/password/forgot', { body: { email } });
  keyturn.clock.advance(seconds(1));
  await keyturn.parts.issuer?.answerRequests();
  return mailedToken(keyturn, email);
}

const TODOS = '/api/users/{user_id}/todos';

/** Every call of the resource server, as it is meant. */
export async function useTodos({ call }: Pick<Tour, 'call'>, token: string): Promise<void> {
  const { body: bare } = await call(`POST ${TODOS}`, { token, body: { title: 'Milk' } });
  const body = { title: 'Bread', description: 'Two\nloaves' };
  await call(`POST ${TODOS}`, { token, body });
  const { body: page } = await call(`GET ${TODOS}`, { token, query: '?limit=1&completed=false' });
  await call(`GET ${TODOS}`, { token, query: `?cursor=${page.next_cursor}` });
  const one = { token, in: { id: bare.id } };
  const { headers } = await call(`GET ${TODOS}/{id}`, one);
  const ifMatch = { 'If-Match': String(headers.etag) };
  await call(`PATCH ${TODOS}/{id}`, { ...one, headers: ifMatch, body: { completed: true } });
  const late = { ...one, headers: ifMatch };
  await call(`PATCH ${TODOS}/{id}`, { ...late, body: { completed: false } });
  await call(`DELETE ${TODOS}/{id}`, late);
  await call(`DELETE ${TODOS}/{id}`, one);
}

/** What anybody may read. */
export async function readDocuments({ call }: Pick<Tour, 'call'>): Promise<void> {
  for (const name of ['/.well-known/jwks.json', '/openapi.json']) {
    await call(`GET ${name}`);
    await call(`GET ${name}`, { headers: { 'If-None-Match': '*' } });
  }
  for (const name of ['openid-configuration', 'oauth-authorization-server']) {
    await call(`GET /.well-known/${name}`);
  }
  await call('GET /healthz');
  await call('GET /readyz');
}
