import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { browserAt, type Client, clientOf, freshEmail, PASSWORD } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { APP_ORIGIN, ISSUER, startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';

const REFUSED: readonly Readonly<Record<string, string>>[] = [
  {},
  { Origin: '' },
  { Origin: 'null' },
  { Origin: 'null', 'Sec-Fetch-Site': 'same-origin' },
  { Origin: 'https://evil.example' },
  { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'same-origin' },
  { Origin: `${ISSUER}/` },
  { Origin: `${ISSUER}.evil.example` },
  { Origin: `${ISSUER} https://evil.example` },
  { Origin: 'https://localhost:3000' },
  { Origin: 'http://localhost' },
  { Origin: 'http://localhost:3001' },
  { Origin: 'http://127.0.0.1:3000' },
  { Origin: 'HTTP://LOCALHOST:3000' },
  { Origin: 'localhost:3000' },
  { Origin: `${APP_ORIGIN}:443` },
  { Origin: APP_ORIGIN.replace('app.', '') },
  { Origin: APP_ORIGIN.replace('app.', 'x.app.') },
  { Origin: APP_ORIGIN.replace('https', 'http') },
  { Origin: '*' },
  { Referer: `${ISSUER}/` },
  { Host: 'localhost:3000' },
  { 'X-Forwarded-Host': 'localhost:3000' },
  { 'X-Requested-With': 'XMLHttpRequest' },
  { 'Sec-Fetch-Site': 'same-site' },
  { 'Sec-Fetch-Site': 'cross-site' },
  { 'Sec-Fetch-Site': 'none' },
  { 'Sec-Fetch-Site': '' },
  { 'Sec-Fetch-Site': 'Same-Origin' },
  { 'Sec-Fetch-Site': 'same-origin, same-origin' },
];

const SERVED: readonly Readonly<Record<string, string>>[] = [
  { Origin: ISSUER },
  { Origin: APP_ORIGIN },
  { Origin: APP_ORIGIN, 'Sec-Fetch-Site': 'cross-site' },
  { 'Sec-Fetch-Site': 'same-origin' },
];

describe.each(DRIVERS)('calls that set or use the cookie on $name', (driver) => {
  let keyturn: TestKeyturn;
  let client: Client;
  let email: string;
  let cookie: string;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
    client = clientOf(keyturn);
    email = (await client.register()).email;
    const browser = browserAt(keyturn);
    await browser.login(email);
    cookie = browser.cookie ?? '';
  });
  afterAll(() => keyturn.close());

  const everything = async () => ({
    users: await keyturn.sql('SELECT * FROM users ORDER BY id'),
    sessions: await keyturn.sql('SELECT * FROM sessions ORDER BY id'),
  });
  const calls = (): [string, object][] => {
    const credentials = { email, password: PASSWORD, delivery: 'cookie' };
    return [
      ['register', { ...credentials, email: freshEmail(), name: 'Ann' }],
      ['login', credentials],
      ['refresh', {}],
      ['logout', {}],
    ];
  };

  test.each(REFUSED)('are refused with %j, and nothing has changed', async (headers) => {
    const before = await everything();
    for (const [call, body] of calls()) {
      const sent = { ...headers, Cookie: cookie };
      expectProblem(await client.post(`/api/auth/${call}`, body, sent), 403, 'csrf_rejected');
    }
    expect(await everything()).toEqual(before);
  });

  test.each(SERVED)('are served with %j', async (headers) => {
    for (const [call, body] of calls()) {
      const response = await client.post(`/api/auth/${call}`, body, headers);
      // Without the cookie the last two have nothing to work with.
      const status = { register: 201, login: 200, refresh: 401, logout: 204 }[call];
      expect(response.status).toBe(status);
    }
    const refreshed = await client.post('/api/auth/refresh', {}, { ...headers, Cookie: cookie });
    expect(refreshed.status).toBe(200);
  });

  test('no Origin is asked of a token in the body', async () => {
    const ann = await client.login({ email });
    for (const headers of [{}, { Origin: 'null' }, { Origin: 'https://evil.example' }]) {
      const body = { refresh_token: ann.refreshToken };
      await client.post('/api/auth/refresh', body, headers).expect(200);
    }
    await client
      .post('/api/auth/login', { email, password: PASSWORD }, { Origin: 'null' })
      .expect(200);
  });

  test('a form of another site gets nowhere', async () => {
    const before = await everything();
    for (const type of ['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain']) {
      const sent = { Origin: ISSUER, Cookie: cookie, 'Content-Type': type };
      const response = await fetch(`${keyturn.url}/api/auth/refresh`, {
        method: 'POST',
        headers: sent,
        body: '{}',
      });
      const { status, headers } = response;
      const body = await response.json();
      const answer = { status, headers: Object.fromEntries(headers), body };
      expectProblem(answer, 415, 'unsupported_media_type');
    }
    expect(await everything()).toEqual(before);
  });
});
