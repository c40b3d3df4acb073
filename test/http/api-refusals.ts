import { seconds } from '../../src/kit/duration.ts';
import { freshEmail, PASSWORD } from '../support/client.ts';
import { mailedToken } from '../support/eml.ts';
import type { TestKeyturn } from '../support/keyturn.ts';
import type { DescribedCall } from '../support/openapi.ts';
import { openKeys } from '../support/opened-keys.ts';
import { type Call, cookieOf, EVIL, forgotten, register, type Tour } from './api-tour.ts';
import { withClaims, withHeader } from './forgery.ts';

const WRONG = 'not the password of anybody';
const WEAK = 'password';

/** Somebody who has yet to register. */
export const newcomer = () => ({ email: freshEmail(), password: PASSWORD, name: 'Bob' });

/** A body that each call takes, where it takes one that is not empty. */
export const BODIES: Readonly<Record<string, object>> = {
  register: newcomer(),
  refresh: { refresh_token: 'ktr_x' },
  logIn: { email: freshEmail(), password: PASSWORD },
  deleteAccount: { current_password: PASSWORD },
  changePassword: { current_password: PASSWORD, new_password: WRONG },
  changeEmail: { email: freshEmail(), current_password: PASSWORD },
  forgotPassword: { email: freshEmail() },
  resetPassword: { token: 'ktm_x', password: WRONG },
  resendVerification: { email: freshEmail() },
  verifyEmail: { token: 'ktm_x' },
};

/** What the issuer refuses because of who asks, or for what. */
export async function refuseAtAccounts(tour: Tour): Promise<void> {
  const { call, keyturn } = tour;
  const { email, refreshToken } = await register(call);
  const registration = { email, password: PASSWORD, name: 'Ann' };
  await call('POST /api/auth/register', { body: registration });
  await call('POST /api/auth/register', {
    body: { ...registration, email: freshEmail(), password: WEAK },
  });
  const byCookie = { body: { ...registration, delivery: 'cookie' }, headers: EVIL };
  await call('POST /api/auth/register', byCookie);
  const { name: _, ...login } = byCookie.body;
  await call('POST /api/auth/login', { ...byCookie, body: login });
  await call('POST /api/auth/login', { body: { email, password: WRONG } });
  const headers = { ...EVIL, ...(await cookieOf(call, email)) };
  await call('POST /api/auth/refresh', { headers });
  await call('POST /api/auth/logout', { headers });
  await call('POST /api/auth/refresh', { body: {} });
  await reuse(tour, refreshToken);
  await guarded(tour);

  const body = { token: await forgotten(tour, email), password: WEAK };
  await call('POST /api/auth/password/reset', { body });
  await call('POST /api/auth/password/reset', { body: BODIES.resetPassword });
  await call('POST /api/auth/email/verify', { body: BODIES.verifyEmail });
  await takeAddress(tour, (await register(call)).token);
  await call('DELETE /api/auth/sessions/{id}', { token: (await register(call)).token });
  await keyturn.sql('UPDATE users SET disabled_at = created_at WHERE email = $1', [email]);
  await call('POST /api/auth/login', { body: { email, password: PASSWORD } });
}

async function reuse({ call, keyturn }: Tour, refreshToken: string): Promise<void> {
  const first = await call('POST /api/auth/refresh', { body: { refresh_token: refreshToken } });
  await call('POST /api/auth/refresh', { body: { refresh_token: first.body.refresh_token } });
  keyturn.clock.advance(seconds(60));
  await call('POST /api/auth/refresh', { body: { refresh_token: refreshToken } });
}

async function guarded({ call }: Tour): Promise<void> {
  const { token } = await register(call);
  const wrong = { current_password: WRONG };
  await call('DELETE /api/auth/me', { token, body: wrong });
  await call('POST /api/auth/email/change', { token, body: { ...wrong, email: freshEmail() } });
  const change = 'POST /api/auth/password/change';
  await call(change, { token, body: { ...wrong, new_password: WRONG } });
  await call(change, { token, body: { current_password: PASSWORD, new_password: WEAK } });
}

/** Somebody registers the address that another one is about to move to. */
async function takeAddress({ call, keyturn }: Tour, token: string): Promise<void> {
  const email = freshEmail();
  await call('POST /api/auth/email/change', {
    token,
    body: { email, current_password: PASSWORD },
  });
  const confirmation = await mailedToken(keyturn, email);
  await call('POST /api/auth/register', { body: { email, password: PASSWORD, name: 'Eve' } });
  await call('POST /api/auth/email/verify', { body: { token: confirmation } });
}

/** What the resource server refuses because of whose it is, or which version. */
export async function refuseAtTodos({ call }: Pick<Tour, 'call'>, token: string): Promise<void> {
  const todos = '/api/users/{user_id}/todos';
  const bodies = { POST: { title: 'Milk' }, PATCH: { completed: true } };
  const { body: todo } = await call(`POST ${todos}`, { token, body: bodies.POST });
  for (const method of ['GET', 'PATCH', 'DELETE'] as const) {
    const body = method === 'PATCH' ? bodies.PATCH : undefined;
    const headers = { 'If-Match': '"99"' };
    await call(`${method} ${todos}/{id}`, { token, body });
    await call(`${method} ${todos}/{id}`, { token, body, headers, in: { id: todo.id } });
    await call(`${method} ${todos}/{id}`, { token, body, in: { user_id: 'bob', id: todo.id } });
  }
  await call(`GET ${todos}`, { token, in: { user_id: 'bob' } });
  await call(`POST ${todos}`, { token, body: bodies.POST, in: { user_id: 'bob' } });
}

/** A bearer token for each code that judges one. */
export async function badTokens({ call, keyturn }: Tour): Promise<Map<string, string>> {
  const { token, refreshToken } = await register(call);
  const keys = await openKeys(keyturn);
  const now = Math.floor(+keyturn.clock.now() / 1000);
  const workshop = { keys, token, otherToken: token, refreshToken, now };
  const ended = await register(call);
  await call('POST /api/auth/logout-all', { token: ended.token });
  return new Map([
    ['token_malformed', 'x.y'],
    ['token_signature_invalid', withHeader(workshop, { alg: 'RS256', kid: 'k', typ: 'at+jwt' })],
    ['token_claims_invalid', withClaims(workshop, { aud: 'https://elsewhere.example' })],
    ['token_expired', withClaims(workshop, { iat: now - 1000, exp: now - 100 })],
    ['session_ended', ended.token],
  ]);
}

/** What a call refuses because of how it is asked, whatever it does. */
export async function refuseForms(
  call: Call,
  name: string,
  { responses, requestBody, security }: DescribedCall,
  tokens: { readonly good: string; readonly bad: ReadonlyMap<string, string> },
): Promise<void> {
  const bearer = security.some((scheme) => 'bearer' in scheme);
  const token = bearer ? tokens.good : undefined;
  if ('400' in responses) await call(name, { token, host: false });
  if (requestBody) {
    await call(name, { token, body: 'x', headers: { 'Content-Type': 'text/plain' } });
    await call(name, { token, body: { x: 'y'.repeat(70_000) } });
    await call(name, { token, body: { unknown: true } });
  }
  if (!bearer) return;
  await call(name, { headers: { Authorization: 'Basic eDp5' } });
  for (const bad of tokens.bad.values()) {
    // Other services than the issuer do not ask whether a session lives.
    if (name.includes('/todos') && bad === tokens.bad.get('session_ended')) continue;
    await call(name, { token: bad });
  }
}

/** Uses up what may be done from here. */
export async function exhaust(keyturn: TestKeyturn): Promise<void> {
  const limits = keyturn.parts.issuer?.accounts.limits;
  if (!limits) throw new Error('there are no limits');
  const origin = { address: '127.0.0.1', userAgent: null, requestId: 'test' };
  const now = keyturn.clock.now();
  const buckets = ['register', 'forgot', 'reset', 'resend', 'verify', 'refresh_refused'] as const;
  for (const bucket of buckets) {
    await untilRefused(() => limits.take(bucket, { origin }, now));
  }
  for (const action of ['login', 'current_password'] as const) {
    await untilRefused(() => limits.tryPassword(action, { origin, account: freshEmail() }, now));
  }
}

async function untilRefused(take: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < 100; i++) {
    const refused = await take().then(
      () => false,
      () => true,
    );
    if (refused) return;
  }
  throw new Error('there is no limit');
}
