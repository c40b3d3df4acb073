import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { bearer, clientOf, freshEmail, PASSWORD } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { readExposition } from '../support/exposition.ts';
import { startKeyturn } from '../support/keyturn.ts';
import { WAIT } from '../support/server-process.ts';

const FLOOD = 500;
/** More refusals than this and the queue was full: 500, but for 200 that wait and those at work. */
const SURELY_FULL = 150;

describe.each(DRIVERS)('a flood of logins on $name', (driver) => {
  test('waits in a bounded queue, and holds nothing else up', async () => {
    // One hash takes so long that the flood has arrived before many are done.
    const keyturn = await startKeyturn(driver, { env: { ARGON2_TIME: '12' } });
    onTestFinished(() => keyturn.close());
    const client = clientOf(keyturn);
    const ann = await client.register();

    const leaving = new AbortController();
    const full = Promise.withResolvers<void>();
    const answers: { status: number; retryAfter: string | null }[] = [];
    const flood = Array.from({ length: FLOOD }, async () => {
      const response = await fetch(`${keyturn.url}/api/auth/login`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ email: freshEmail(), password: PASSWORD }),
        signal: leaving.signal,
      });
      answers.push({
        status: response.status,
        retryAfter: response.headers.get('retry-after'),
      });
      if (answers.length > SURELY_FULL) full.resolve();
    });
    const over = Promise.allSettled(flood);
    await full.promise;

    expect((await client.refresh(ann.refreshToken)).status).toBe(200);
    expect((await client.get('/.well-known/jwks.json')).status).toBe(200);
    expect((await client.get('/api/users/me/todos', bearer(ann.accessToken))).status).toBe(200);
    // All that while the queue was full.
    expect(answers.length).toBeLessThan(FLOOD);
    const refused = answers.filter(({ status }) => status === 503);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.every(({ retryAfter }) => Number(retryAfter) >= 1)).toBe(true);
    expect(answers.every(({ status }) => status === 503 || status === 401)).toBe(true);
    const { text } = await keyturn.metrics.render();
    const counted = readExposition(text).value('keyturn_logins_total', { result: 'unavailable' });
    expect(counted).toBeGreaterThanOrEqual(refused.length);

    // Those who leave make room: nothing is hashed for them.
    leaving.abort();
    await over;
    await vi.waitFor(() => client.login(ann), WAIT);
  });
});
