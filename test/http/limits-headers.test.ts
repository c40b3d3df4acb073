import type { Response } from 'supertest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ACCOUNT_OPERATIONS } from '../../src/issuer/accounts/operations.ts';
import { rateLimited } from '../../src/issuer/limits/errors.ts';
import { LOGIN_OPERATIONS } from '../../src/issuer/login/operations.ts';
import { seconds } from '../../src/kit/duration.ts';
import { forgottenToken, NEW_PASSWORD } from '../support/accounts.ts';
import { bearer, type Client, clientOf, freshEmail, PASSWORD } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { mailedToken } from '../support/eml.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';

/** What a call needs; a call that is made again is limited before anything is looked at. */
interface Scene {
  readonly keyturn: TestKeyturn;
  readonly client: Client;
}

interface Row {
  readonly call: string;
  readonly what?: string;
  /** What it answers the first time. */
  readonly status: number;
  /** The limit that the answer names; no answer but that of who is signed in names one. */
  readonly names?: string;
  /** The limit that refuses it when all buckets are empty. */
  readonly refusedBy: string;
  /** Makes ready; answers what makes the call. */
  readonly ready: (scene: Scene) => Promise<() => PromiseLike<Response>>;
}

const current = { current_password: PASSWORD };
const body = (email = freshEmail()) => ({ email, password: PASSWORD, name: 'Ann' });

const ROWS: readonly Row[] = [
  {
    call: 'POST /api/auth/register',
    status: 201,
    names: 'register-network',
    refusedBy: 'register-network',
    ready:
      async ({ client }) =>
      () =>
        client.post('/api/auth/register', body()),
  },
  {
    call: 'POST /api/auth/register',
    what: 'an address that is taken',
    status: 409,
    refusedBy: 'register-network',
    ready: async ({ client }) => {
      const { email } = await client.register();
      return () => client.post('/api/auth/register', body(email));
    },
  },
  {
    call: 'POST /api/auth/login',
    status: 200,
    names: 'login-network',
    refusedBy: 'login-network',
    ready: async ({ client }) => {
      const { email } = await client.register();
      return () => client.post('/api/auth/login', { email, password: PASSWORD });
    },
  },
  {
    call: 'POST /api/auth/login',
    what: 'a wrong password',
    status: 401,
    refusedBy: 'login-network',
    ready: async ({ client }) => {
      const who = { email: freshEmail(), password: PASSWORD };
      return () => client.post('/api/auth/login', who);
    },
  },
  {
    call: 'POST /api/auth/refresh',
    what: 'no good token',
    status: 401,
    refusedBy: 'refresh_refused-network',
    ready:
      async ({ client }) =>
      () =>
        client.refresh('ktr_garbage'),
  },
  {
    call: 'POST /api/auth/password/forgot',
    status: 202,
    refusedBy: 'forgot-network',
    ready: async ({ client }) => {
      const { email } = await client.register();
      return () => client.post('/api/auth/password/forgot', { email });
    },
  },
  {
    call: 'POST /api/auth/password/reset',
    status: 204,
    refusedBy: 'reset-network',
    ready: async ({ client, keyturn }) => {
      const token = await forgottenToken(keyturn, client, await client.register());
      return () => client.post('/api/auth/password/reset', { token, password: NEW_PASSWORD });
    },
  },
  {
    call: 'POST /api/auth/email/verify',
    status: 204,
    refusedBy: 'verify-network',
    ready: async ({ client, keyturn }) => {
      const { email } = await client.register();
      const token = await mailedToken(keyturn, email);
      return () => client.post('/api/auth/email/verify', { token });
    },
  },
  {
    call: 'POST /api/auth/email/resend',
    what: 'with an address',
    status: 202,
    refusedBy: 'resend-network',
    ready: async ({ client }) => {
      const { email } = await client.register();
      return () => client.post('/api/auth/email/resend', { email });
    },
  },
  {
    call: 'POST /api/auth/email/resend',
    what: 'with a token',
    status: 202,
    refusedBy: 'resend-network',
    ready: async ({ client }) => {
      const { accessToken } = await client.register();
      return () => client.post('/api/auth/email/resend', {}, bearer(accessToken));
    },
  },
  {
    call: 'POST /api/auth/email/change',
    status: 202,
    refusedBy: 'current_password-network',
    ready: async ({ client }) => {
      const { accessToken } = await client.register();
      const moved = { ...current, email: freshEmail() };
      return () => client.post('/api/auth/email/change', moved, bearer(accessToken));
    },
  },
  {
    call: 'POST /api/auth/password/change',
    status: 204,
    refusedBy: 'current_password-network',
    ready: async ({ client }) => {
      const { accessToken } = await client.register();
      const changed = { ...current, new_password: NEW_PASSWORD };
      return () => client.post('/api/auth/password/change', changed, bearer(accessToken));
    },
  },
  {
    call: 'DELETE /api/auth/me',
    status: 204,
    refusedBy: 'current_password-network',
    ready: async ({ client }) => {
      const people = [await client.register(), await client.register()];
      return () => {
        const { accessToken = '' } = people.pop() ?? {};
        return client.delete('/api/auth/me', bearer(accessToken)).send(current);
      };
    },
  },
];

/** The headers of limits that an answer carries. */
const limitsOf = ({ headers }: Response) => ({
  policy: headers['ratelimit-policy'],
  left: headers.ratelimit,
  retryAfter: headers['retry-after'],
});
const NONE = { policy: undefined, left: undefined, retryAfter: undefined };

/** Takes a call once, then once more with every bucket empty. */
async function expectHeaders({ keyturn, client }: Scene, row: Row): Promise<void> {
  keyturn.clock.advance(seconds(7200));
  const call = await row.ready({ keyturn, client });
  const first = await call();
  expect(first.status).toBe(row.status);
  expect(limitsOf(first)).toEqual(
    row.names === undefined
      ? NONE
      : {
          policy: `"${row.names}";q=60;w=60`,
          left: expect.stringMatching(new RegExp(`^"${row.names}";r=5\\d;t=\\d$`)),
          retryAfter: undefined,
        },
  );
  await keyturn.sql("UPDATE rate_buckets SET full_at = full_at + interval '70 seconds'");
  const refused = await call();
  expectProblem(refused, 429, 'rate_limited');
  expect(limitsOf(refused)).toEqual({
    policy: `"${row.refusedBy}";q=60;w=60`,
    left: `"${row.refusedBy}";r=0;t=1`,
    retryAfter: '1',
  });
}

const nameOf = ({ call, what }: Row) => (what === undefined ? call : `${call}, ${what}`);

test('every call that may be refused has its row', () => {
  const limited = [...LOGIN_OPERATIONS, ...ACCOUNT_OPERATIONS]
    .filter(({ errors }) => errors?.includes(rateLimited))
    .map(({ call }) => call);
  expect(new Set(ROWS.map(({ call }) => call))).toEqual(new Set(limited));
});

describe.each(DRIVERS)('the headers of limits on $name', (driver) => {
  let keyturn: TestKeyturn;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver, { env: { RATE_LIMIT: 'on' } });
  });
  afterAll(() => keyturn.close());

  test.each(ROWS.map((row) => [nameOf(row), row] as const))('%s', (_, row) =>
    expectHeaders({ keyturn, client: clientOf(keyturn) }, row),
  );

  test('a refresh that succeeds has none', async () => {
    const client = clientOf(keyturn);
    keyturn.clock.advance(seconds(7200));
    const { refreshToken } = await client.register();
    expect(limitsOf(await client.refresh(refreshToken).expect(200))).toEqual(NONE);
  });
});

describe.each(DRIVERS)('the headers of limits where a mail answers on $name', (driver) => {
  test('a registration is answered alike to everybody', async () => {
    const env = { RATE_LIMIT: 'on', EMAIL_VERIFICATION: 'required' };
    const keyturn = await startKeyturn(driver, { env });
    const client = clientOf(keyturn);
    await expectHeaders(
      { keyturn, client },
      {
        call: 'POST /api/auth/register',
        status: 202,
        refusedBy: 'register-network',
        ready: async () => () => client.post('/api/auth/register', body()),
      },
    );
    await keyturn.close();
  });
});
