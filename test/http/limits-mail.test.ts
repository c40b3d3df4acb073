import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { seconds } from '../../src/kit/duration.ts';
import { bearer, type Client, clientOf, freshEmail, PASSWORD } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { mailsTo } from '../support/eml.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';

describe.each(DRIVERS)('nobody is flooded with mail on $name', (driver) => {
  let keyturn: TestKeyturn;
  let client: Client;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver, { env: { RATE_LIMIT: 'on', TRUST_PROXY: '1' } });
    client = clientOf(keyturn);
  });
  afterAll(() => keyturn.close());
  beforeEach(() => keyturn.clock.advance(seconds(7200)));

  const via = (address: string, accessToken: string) => ({
    'X-Forwarded-For': address,
    ...bearer(accessToken),
  });
  /** Asks for another address. */
  const move = (accessToken: string, email: string) => {
    const body = { email, current_password: PASSWORD };
    return client.post('/api/auth/email/change', body, bearer(accessToken));
  };

  test('by one who wants to move to their address, again and again', async () => {
    const people = [await client.register(), await client.register()];
    const target = freshEmail();
    const statuses: number[] = [];
    for (let i = 0; i < 12; i++) {
      statuses.push((await move(people[i % 2]?.accessToken ?? '', target)).status);
    }
    expect(statuses).toEqual([...Array(10).fill(202), 429, 429]);
    expect(await mailsTo(keyturn, target)).not.toHaveLength(0);
    // Whoever may mail no more there has not been found to be a thief, nor kept from elsewhere.
    const elsewhere = await move(people[0]?.accessToken ?? '', freshEmail());
    expect(elsewhere.status).toBe(202);
  });

  test('by one who registered their address, and changes something without end', async () => {
    const who = await client.register();
    const limits = keyturn.parts.issuer?.accounts.limits;
    const origin = { address: '198.51.100.7', userAgent: null, requestId: 'r' };
    for (let i = 0; i < 29; i++) {
      await limits?.takeMail({ origin, account: who.email }, keyturn.clock.now());
    }
    expect((await move(who.accessToken, freshEmail())).status).toBe(202);
    expectProblem(await move(who.accessToken, freshEmail()), 429, 'rate_limited');
    const passwords = { current_password: PASSWORD, new_password: `${PASSWORD} too` };
    const change = () =>
      client.post('/api/auth/password/change', passwords, bearer(who.accessToken));
    expectProblem(await change(), 429, 'rate_limited');
    // Nothing has changed, and ten minutes mend it.
    keyturn.clock.advance(seconds(600));
    expect((await change()).status).toBe(204);
  });

  test('by one who registered their address, and asks for the link again', async () => {
    const who = await client.register();
    const resend = (i: number) =>
      client.post('/api/auth/email/resend', {}, via(`203.0.113.${i}`, who.accessToken));
    for (let i = 0; i < 10; i++) expect((await resend(1)).status).toBe(202);
    expectProblem(await resend(1), 429, 'rate_limited');
    for (let i = 2; i < 22; i++) expect((await resend(i)).status).toBe(202);
    expectProblem(await resend(99), 429, 'rate_limited');
    // The call without a token counts in the same bucket.
    const body = { email: who.email };
    const again = await client.post('/api/auth/email/resend', body, {
      'X-Forwarded-For': '203.0.113.1',
    });
    expectProblem(again, 429, 'rate_limited');
  });
});

describe.each(DRIVERS)(
  'nobody is flooded with mail where addresses are verified, on $name',
  (driver) => {
    test('by those who register their address, again and again', async () => {
      const keyturn = await startKeyturn(driver, {
        env: { RATE_LIMIT: 'on', TRUST_PROXY: '1', EMAIL_VERIFICATION: 'required' },
      });
      try {
        const client = clientOf(keyturn);
        const body = { email: freshEmail(), password: PASSWORD, name: 'Ann' };
        const register = async (address: string, who = body) =>
          (await client.post('/api/auth/register', who, { 'X-Forwarded-For': address })).status;
        const statuses: number[] = [];
        for (let i = 0; i < 11; i++) statuses.push(await register('203.0.113.1'));
        for (let i = 0; i < 21; i++) statuses.push(await register(`198.51.100.${i}`));
        const accepted = (count: number) => Array<number>(count).fill(202);
        expect(statuses).toEqual([...accepted(10), 429, ...accepted(20), 429]);
        // Whoever has another address is not held back.
        expect(await register('203.0.113.1', { ...body, email: freshEmail() })).toBe(202);
      } finally {
        await keyturn.close();
      }
    });
  },
);
