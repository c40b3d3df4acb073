import { request } from 'node:http';
import { availableParallelism } from 'node:os';
import { expect, test, vi } from 'vitest';
import { clientOf } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { startKeyturn } from '../support/keyturn.ts';

test.each(DRIVERS.filter(({ kind }) => kind === 'embedded'))(
  'no password is checked for clients that left while they waited',
  async (driver) => {
    // Slow enough that nearly all of them still wait when they leave.
    const keyturn = await startKeyturn(driver, { env: { ARGON2_TIME: '20' } });
    const client = clientOf(keyturn);
    const { email } = await client.register();
    const crowd = 6 * availableParallelism();
    let arrived = 0;
    keyturn.server.on('request', () => arrived++);
    const waiting = Array.from({ length: crowd }, () => {
      const login = request(`${keyturn.url}/api/auth/login`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        agent: false,
      });
      login.on('error', () => {});
      return login.end(JSON.stringify({ email, password: 'not the right one' }));
    });
    await vi.waitUntil(() => arrived === crowd, { timeout: 60_000 });
    for (const login of waiting) login.destroy();

    // Comes behind all of them.
    await client.login({ email });
    expect(keyturn.events('login_failed').length).toBeLessThan(crowd / 2);
    expect(keyturn.lines.filter((line) => line.includes('request failed'))).toEqual([]);
    await keyturn.close();
  },
);
