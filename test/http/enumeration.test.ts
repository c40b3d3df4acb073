import { Agent, request } from 'node:http';
import { performance } from 'node:perf_hooks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answerRequests, NEW_PASSWORD } from '../support/accounts.ts';
import { clientOf, freshEmail, PASSWORD } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { mailedToken } from '../support/eml.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { chance, greater } from '../support/rank-test.ts';
import { LONG } from '../support/thorough.ts';

/** What a difference would be found by, if there were one. */
const PLANTED = 2;

describe.each(DRIVERS)('nobody can tell who has an account, on $name', (driver) => {
  let keyturn: TestKeyturn;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let verified: string;
  let unverified: string;
  let disabled: string;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver, { env: { EMAIL_VERIFICATION: 'required' } });
    const client = clientOf(keyturn);
    const register = async () => {
      const email = freshEmail();
      await client.post('/api/auth/register', { email, password: PASSWORD, name: 'Ann' });
      return email;
    };
    [verified, unverified, disabled] = [await register(), await register(), await register()];
    await answerRequests(keyturn);
    for (const email of [verified, disabled]) {
      const token = await mailedToken(keyturn, email);
      await client.post('/api/auth/email/verify', { token }).expect(204);
    }
    await keyturn.sql('UPDATE users SET disabled_at = created_at WHERE email = $1', [disabled]);
    keyturn.server.prependListener('request', ({ headers }) => {
      if (headers['x-planted'] === undefined) return;
      for (const until = performance.now() + PLANTED; performance.now() < until; );
    });
  });
  afterAll(async () => {
    agent.destroy();
    await keyturn.close();
  });

  /** Sends a body and answers what came, and after how many milliseconds. */
  function send(call: string, fields: object, planted = false) {
    const body = JSON.stringify(fields);
    const headers = {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
      ...(planted && { 'X-Planted': 'yes' }),
    };
    return new Promise<{ seen: string; took: number }>((resolve, reject) => {
      const since = performance.now();
      const outgoing = request(
        `${keyturn.url}/api/auth/${call}`,
        { method: 'POST', agent, headers },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (chunk) => {
            text += chunk;
          });
          response.on('end', () => {
            const took = performance.now() - since;
            const seen = [response.statusCode, ...response.rawHeaders, text].join('\n');
            const id = String(response.headers['x-request-id']);
            const when = String(response.headers.date);
            resolve({ seen: seen.replaceAll(id, 'ID').replaceAll(when, 'DATE'), took });
          });
        },
      );
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  const wrong = (email: string) => ({ email, password: NEW_PASSWORD });
  const registration = (email: string) => ({ email, password: NEW_PASSWORD, name: 'Ann' });
  const whose = (email: string) => ({ email });
  /** What is sent to each call about an address. */
  const CALLS: Readonly<Record<string, (email: string) => object>> = {
    login: wrong,
    register: registration,
    'password/forgot': whose,
    'email/resend': whose,
  };

  test.each(Object.keys(CALLS))('%s answers the same to the last byte', async (call) => {
    const bodyOf = CALLS[call] ?? whose;
    const seen = new Set<string>();
    const addresses = [freshEmail(), freshEmail(), verified, unverified, disabled];
    for (const email of [...addresses, ...addresses.map((email) => email.toUpperCase())]) {
      seen.add((await send(call, bodyOf(email))).seen);
    }
    expect([...seen]).toHaveLength(1);
    expect([...seen][0]).toMatch(call === 'login' ? /^401\n/ : /^202\n/);
    await answerRequests(keyturn);
    expect([...new Set([(await send(call, bodyOf(freshEmail()))).seen, ...seen])]).toHaveLength(1);
  });

  /** Times both kinds in turn, in an order that chance decides, pair by pair. */
  async function take(
    { a, b }: { readonly a: number[]; readonly b: number[] },
    samples: number,
    first: () => Promise<{ took: number }>,
    second: () => Promise<{ took: number }>,
  ): Promise<void> {
    for (let i = 0; i < samples; i++) {
      const kinds = [
        { ask: first, times: a },
        { ask: second, times: b },
      ];
      if (Math.random() < 0.5) kinds.reverse();
      for (const { ask, times } of kinds) times.push((await ask()).took);
    }
  }

  // One login or registration takes a password hash; one database is enough for the short form.
  const timed: [call: string, samples: number][] = [
    ['password/forgot', LONG ? 2000 : 200],
    ['email/resend', LONG ? 2000 : 200],
    ...(LONG || driver.kind === 'postgres'
      ? ([
          ['login', LONG ? 2000 : 80],
          ['register', LONG ? 2000 : 80],
        ] as [string, number][])
      : []),
  ];

  test.each(timed)(
    'nor by how long %s takes, over %i of each',
    async (call, samples) => {
      const bodyOf = CALLS[call] ?? whose;
      const known = call === 'email/resend' ? unverified : verified;
      const ask = (email: () => string) => () => send(call, bodyOf(email()));
      const [unknown, existing] = [ask(freshEmail), ask(() => known)];
      // The first few warm things up.
      await take({ a: [], b: [] }, 10, unknown, existing);
      const times = { a: [] as number[], b: [] as number[] };
      await take(times, samples, unknown, existing);
      const found = greater(times.a, times.b);
      const tolerance = LONG ? 0.05 : chance(samples);
      expect(Math.abs(found - 0.5)).toBeLessThan(tolerance);
    },
    LONG ? 1_800_000 : undefined,
  );

  test('two milliseconds would be found', async () => {
    const ask = (planted: boolean) => () => send('password/forgot', whose(freshEmail()), planted);
    const times = { a: [] as number[], b: [] as number[] };
    const found = () => greater(times.a, times.b) - 0.5 > chance(times.a.length);
    // On a busy machine it takes more samples.
    do await take(times, 100, ask(false), ask(true));
    while (!found() && times.a.length < 2000);
    expect(found()).toBe(true);
  });
});
