import type { Response } from 'supertest';
import { expect } from 'vitest';
import { seconds } from '../../src/kit/duration.ts';
import { bearer, type Client, type SignedIn } from './client.ts';
import { mailedToken } from './eml.ts';
import type { TestKeyturn } from './keyturn.ts';

/** Another password that is as good as `PASSWORD`. */
export const NEW_PASSWORD = 'an entirely different phrase';

/**
 * Has the requests answered that are answered by mail, without waiting for the job that does. A
 * second passes, so that the mails to come are newer than those before.
 */
export async function answerRequests(keyturn: TestKeyturn): Promise<void> {
  keyturn.clock.advance(seconds(1));
  await keyturn.parts.issuer?.answerRequests();
}

/** Asks for a link to set another password, and reads its token from the mail. */
export async function forgottenToken(
  keyturn: TestKeyturn,
  client: Client,
  { email }: { readonly email: string },
): Promise<string> {
  keyturn.clock.advance(seconds(1));
  expectAccepted(await client.post('/api/auth/password/forgot', { email }));
  await answerRequests(keyturn);
  return mailedToken(keyturn, email);
}

/** Asks for another address, and reads the token from the mail to it. */
export async function addressToken(
  keyturn: TestKeyturn,
  client: Client,
  who: SignedIn,
  { email, password }: { readonly email: string; readonly password: string },
): Promise<string> {
  keyturn.clock.advance(seconds(1));
  const body = { email, current_password: password };
  expectAccepted(await client.post('/api/auth/email/change', body, bearer(who.accessToken)));
  return mailedToken(keyturn, email);
}

/** The 202 that says nothing. */
export function expectAccepted(response: Response): void {
  expect({ status: response.status, text: response.text }).toEqual({ status: 202, text: '{}' });
  expect(response.headers['cache-control']).toBe('no-store');
}
