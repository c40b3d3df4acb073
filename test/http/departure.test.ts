import { request } from 'node:http';
import { availableParallelism } from 'node:os';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { bearer, type Client, clientOf, freshEmail, type SignedIn } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { readExposition } from '../support/exposition.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { WAIT } from '../support/server-process.ts';

const WRONG = 'not the right one';

describe.each(DRIVERS.filter(({ kind }) => kind === 'embedded'))(
  'no password is checked for clients that left while they waited, on $name,',
  (driver) => {
    let keyturn: TestKeyturn;
    let client: Client;
    let ann: SignedIn;
    beforeAll(async () => {
      // Slow enough that nearly all of them still wait when they leave.
      keyturn = await startKeyturn(driver, { env: { ARGON2_TIME: '20' } });
      client = clientOf(keyturn);
      ann = await client.register();
    });
    afterAll(() => keyturn.close());

    const queued = async () => {
      const { text } = await keyturn.metrics.render();
      return readExposition(text).value('keyturn_password_hashes', { state: 'waiting' }) ?? 0;
    };

    test.each<[string, string, (who: SignedIn) => object, string]>([
      ['POST', '/api/auth/login', ({ email }) => ({ email, password: WRONG }), 'login_failed'],
      [
        'POST',
        '/api/auth/password/change',
        () => ({ current_password: WRONG, new_password: 'another long phrase' }),
        'password_refused',
      ],
      [
        'POST',
        '/api/auth/email/change',
        () => ({ current_password: WRONG, email: freshEmail() }),
        'password_refused',
      ],
      ['DELETE', '/api/auth/me', () => ({ current_password: WRONG }), 'password_refused'],
    ])('by %s %s', async (method, path, body, refused) => {
      const crowd = 6 * availableParallelism();
      const waiting = Array.from({ length: crowd }, () => {
        const text = JSON.stringify(body(ann));
        const headers = {
          'Content-Type': 'application/json',
          'Content-Length': text.length,
          ...bearer(ann.accessToken),
        };
        const call = request(`${keyturn.url}${path}`, { method, headers, agent: false });
        call.on('error', () => {});
        return call.end(text);
      });
      // Some are done by then; most wait for a thread.
      await vi.waitUntil(async () => (await queued()) >= crowd / 2, WAIT);
      const before = keyturn.events(refused).length;
      for (const call of waiting) call.destroy();

      // Comes behind all of them.
      await client.login(ann);
      expect(keyturn.events(refused).length - before).toBeLessThan(crowd / 2);
      expect(keyturn.lines.filter((line) => line.includes('request failed'))).toEqual([]);
    });
  },
);
