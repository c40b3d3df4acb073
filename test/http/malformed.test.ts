import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { json } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { bearer, clientOf, freshEmail, PASSWORD } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';
import { ANYWHERE, GARBAGE_COOKIES, type Malformed, NO_GOOD_TEXTS, NO_TEXTS } from './malformed.ts';

/** The calls with a body, their fields, and which of them must be there. */
const CALLS: Readonly<Record<string, { all: readonly string[]; required: readonly string[] }>> = {
  register: {
    all: ['email', 'password', 'name', 'delivery'],
    required: ['email', 'password', 'name'],
  },
  login: { all: ['email', 'password', 'delivery'], required: ['email', 'password'] },
  refresh: { all: ['refresh_token'], required: [] },
  logout: { all: ['refresh_token'], required: [] },
  'logout-all': { all: [], required: [] },
  'password/forgot': { all: ['email'], required: ['email'] },
  'password/reset': { all: ['token', 'password'], required: ['token', 'password'] },
  'password/change': {
    all: ['current_password', 'new_password'],
    required: ['current_password', 'new_password'],
  },
  'email/change': { all: ['email', 'current_password'], required: ['email', 'current_password'] },
  'email/resend': { all: ['email'], required: ['email'] },
  'email/verify': { all: ['token'], required: ['token'] },
};

const BEARER: ReadonlySet<string> = new Set(['logout-all', 'password/change', 'email/change']);
/** Any text may be presented as a token; one that is none is refused as a token. */
const TOKENS: ReadonlySet<string> = new Set(['refresh_token', 'token']);

const NAMES = Object.keys(CALLS);

describe.each(DRIVERS)('malformed requests on $name', (driver) => {
  let keyturn: TestKeyturn;
  let token: Readonly<Record<string, string>>;
  const agent = new Agent({ keepAlive: true });
  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
    token = bearer((await clientOf(keyturn).register()).accessToken);
  });
  afterAll(async () => {
    agent.destroy();
    await keyturn.close();
  });

  afterEach(() => {
    const lines = keyturn.lines.map(
      (line) => JSON.parse(line) as { status?: number; level: string },
    );
    expect(lines.filter(({ status = 0 }) => status >= 500)).toEqual([]);
    expect(lines.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
  });

  /** Sends bytes as they are; nothing is added that was not asked for. */
  async function send(
    method: string,
    call: string,
    what: Pick<Malformed, 'body' | 'type' | 'headers'>,
  ) {
    const type = what.type === undefined ? 'application/json' : what.type;
    const outgoing = request(`${keyturn.url}/api/auth/${call}`, {
      method,
      agent,
      headers: {
        ...(type !== null && { 'Content-Type': type }),
        'Content-Length': Buffer.byteLength(what.body),
        ...(BEARER.has(call) && token),
        ...what.headers,
      },
    });
    outgoing.end(what.body);
    const [response] = await once(outgoing, 'response');
    const { statusCode: status, headers } = response;
    return { status, headers, body: status === 204 ? {} : ((await json(response)) as never) };
  }
  const post = (call: string, body: string, headers = {}) => send('POST', call, { body, headers });
  const everything = async () => ({
    users: await keyturn.sql('SELECT * FROM users ORDER BY id'),
    sessions: await keyturn.sql('SELECT * FROM sessions ORDER BY id'),
  });
  /** Good fields, as JSON texts. */
  const goodFields = (call: string): Record<string, string> => {
    const { all = [] } = CALLS[call] ?? {};
    const good = {
      email: freshEmail(),
      password: PASSWORD,
      name: 'Ann',
      delivery: 'body',
      refresh_token: 'garbage',
      token: 'garbage',
      current_password: PASSWORD,
      new_password: PASSWORD,
    };
    return Object.fromEntries(
      Object.entries(good)
        .filter(([name]) => all.includes(name))
        .map(([name, value]) => [name, JSON.stringify(value)]),
    );
  };
  const bodyOf = (fields: Record<string, string>) =>
    `{${Object.entries(fields).map(([name, value]) => `${JSON.stringify(name)}:${value}`)}}`;

  test.each(NAMES)('POST %s refuses what no call takes, and nothing has changed', async (call) => {
    const before = await everything();
    for (const malformed of ANYWHERE) {
      const response = await send('POST', call, malformed);
      const { status, code, name } = malformed;
      const got = {
        name,
        status: response.status,
        code: (response.body as { code?: string }).code,
      };
      expect(got).toEqual({ name, status, code });
      const unknown = name.startsWith('an unknown field');
      const paths = unknown ? unknownPaths(response.body, malformed) : malformed.paths;
      expectProblem(response, status, code, paths);
    }
    expect(await everything()).toEqual(before);
  });

  /** A call with fields also complains about those that are missing. */
  function unknownPaths(body: { errors?: { path: string }[] }, { body: sent }: Malformed) {
    const paths = body.errors?.map(({ path }) => path) ?? [];
    expect(paths).toContain(Object.keys(JSON.parse(String(sent)))[0]);
    return paths;
  }

  const fields = NAMES.flatMap(
    (call) => CALLS[call]?.all.map((field) => [call, field] as const) ?? [],
  );
  test.each(fields)('POST %s wants a text of the right kind as %s', async (call, field) => {
    for (const value of [...NO_TEXTS, ...(TOKENS.has(field) ? [] : NO_GOOD_TEXTS)]) {
      const response = await post(call, bodyOf({ ...goodFields(call), [field]: value }));
      expectProblem(response, 400, 'invalid_request', [field]);
    }
  });

  test.each(NAMES)(
    'POST %s names every field that is missing, and each one alone',
    async (call) => {
      const { required = [] } = CALLS[call] ?? {};
      for (const field of required) {
        const { [field]: _, ...rest } = goodFields(call);
        expectProblem(await post(call, bodyOf(rest)), 400, 'invalid_request', [field]);
      }
      if (required.length === 0) return;
      for (const body of ['{}', '']) {
        expectProblem(await post(call, body), 400, 'invalid_request', required);
      }
      expectProblem(
        await send('POST', call, { body: '', type: null }),
        400,
        'invalid_request',
        required,
      );
    },
  );

  test.each(NAMES)('POST %s refuses a good body with one field too many', async (call) => {
    const good = goodFields(call);
    for (const extra of ['role', 'id', 'email_verified', 'DELIVERY', 'client_id']) {
      const response = await post(call, bodyOf({ ...good, [extra]: 'true' }));
      expectProblem(response, 400, 'invalid_request', [extra]);
    }
  });

  test('DELETE sessions/:id refuses what no call takes, and takes an empty object', async () => {
    const client = clientOf(keyturn);
    const { accessToken, refreshToken, sessionId } = await client.register();
    const call = `sessions/${sessionId}`;
    const before = await everything();
    for (const { name, status, code, ...rest } of ANYWHERE) {
      const headers = { ...bearer(accessToken), ...rest.headers };
      const response = await send('DELETE', call, { ...rest, headers });
      const { code: answered } = response.body as { code?: string };
      const got = { name, status: response.status, code: answered };
      expect(got).toEqual({ name, status, code });
    }
    expect(await everything()).toEqual(before);
    const headers = bearer(accessToken);
    expect((await send('DELETE', call, { body: '{}', headers })).status).toBe(204);
    const refreshed = await post('refresh', JSON.stringify({ refresh_token: refreshToken }));
    expectProblem(refreshed, 401, 'invalid_refresh_token');
  });

  test.each(['register', 'login'])('POST %s knows two deliveries', async (call) => {
    for (const value of ['', 'Cookie', 'header', 'body,cookie', '__proto__']) {
      const response = await post(
        call,
        bodyOf({ ...goodFields(call), delivery: JSON.stringify(value) }),
      );
      expectProblem(response, 400, 'invalid_request', ['delivery']);
    }
  });

  test.each(['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE'])(
    '%s is no way to call them',
    async (method) => {
      for (const call of NAMES) {
        const response = await fetch(`${keyturn.url}/api/auth/${call}`, { method });
        const headers = Object.fromEntries(response.headers);
        expect(headers.allow).toBe('POST, OPTIONS');
        expect(response.status).toBe(405);
        if (method === 'HEAD') continue;
        const answer = { status: response.status, headers, body: await response.json() };
        expectProblem(answer, 405, 'method_not_allowed');
      }
    },
  );

  test.each(['register', 'login', 'refresh', 'logout'])(
    'POST %s bears any cookie',
    async (call) => {
      for (const Cookie of GARBAGE_COOKIES) {
        const headers = { Cookie, Origin: keyturn.issuer };
        const good = { ...goodFields(call), delivery: '"cookie"' };
        const hasFields = call === 'register' || call === 'login';
        const response = await post(call, hasFields ? bodyOf(good) : '{}', headers);
        const expected = { register: 201, login: 401, refresh: 401, logout: 204 }[call];
        expect({ Cookie, status: response.status }).toEqual({ Cookie, status: expected });
      }
    },
  );

  test.each([
    'Application/JSON',
    'application/json;charset=UTF-8',
    'application/json; charset="utf-8"',
  ])('media type %s is JSON', async (type) => {
    const response = await send('POST', 'login', { body: bodyOf(goodFields('login')), type });
    expectProblem(response, 401, 'invalid_credentials');
  });

  test('calls without fields need no body and no media type', async () => {
    for (const call of ['logout', 'logout-all']) {
      const { accessToken } = await clientOf(keyturn).register();
      const headers = bearer(accessToken);
      expect((await send('POST', call, { body: '', type: null, headers })).status).toBe(204);
    }
    const response = await send('POST', 'refresh', { body: '', type: null });
    expectProblem(response, 401, 'invalid_refresh_token');
  });
});
