import { Agent } from 'node:http';
import request, { type Response, type Test } from 'supertest';
import { expect, vi } from 'vitest';
import type { TestKeyturn } from './keyturn.ts';
import { WAIT } from './server-process.ts';

/** Long enough, and on no list of common passwords. */
export const PASSWORD = 'correct horse battery staple';

type Headers = Readonly<Record<string, string>>;

/** Somebody who has registered or logged in, with tokens from the body. */
export interface SignedIn {
  readonly email: string;
  readonly userId: string;
  readonly sessionId: string;
  readonly accessToken: string;
  readonly refreshToken: string;
}

/** The header of a bearer call. */
export const bearer = (accessToken: string): Headers => ({
  Authorization: `Bearer ${accessToken}`,
});

let count = 0;
/** An address that nobody has used. */
export const freshEmail = (): string => `user-${process.pid}-${++count}@example.com`;

/** Calls the API; bodies are sent as JSON, no call sends an Origin of itself. */
export interface Client {
  get(path: string, headers?: Headers): Test;
  delete(path: string, headers?: Headers): Test;
  post(path: string, body?: object, headers?: Headers): Test;
  patch(path: string, body?: object, headers?: Headers): Test;
  /** Registers somebody new. */
  register(fields?: Readonly<Record<string, unknown>>): Promise<SignedIn>;
  login(who: { readonly email: string }, password?: string): Promise<SignedIn>;
  refresh(refreshToken: string): Test;
  logout(refreshToken: string): Test;
  me(who: { readonly accessToken: string }): Test;
}

/** Keeps connections, as real clients do. */
const agent = new Agent({ keepAlive: true });

/** The first answer that is no 503: whose lease on the keys is short is without one now and then. */
export const served = (ask: () => Test): Promise<Response> =>
  vi.waitUntil(async () => {
    const response = await ask();
    return response.status !== 503 && response;
  }, WAIT) as Promise<Response>;

/** Registers somebody, asking again while the answer is a 503. */
export const registerServed = async (client: Client): Promise<SignedIn> =>
  signedIn(await served(() => client.post('/api/auth/register', registration())), 201);

const registration = () => ({ email: freshEmail(), password: PASSWORD, name: 'Ann' });

/** Makes a client of a running Keyturn. */
export function clientOf({ url }: Pick<TestKeyturn, 'url'>): Client {
  const call = (test: Test, headers: Headers = {}) => test.agent(agent).set(headers);
  const client: Client = {
    get: (path, headers) => call(request(url).get(path), headers),
    delete: (path, headers) => call(request(url).delete(path), headers),
    post: (path, body, headers) => call(request(url).post(path), headers).send(body),
    patch: (path, body, headers) => call(request(url).patch(path), headers).send(body),
    async register(fields = {}) {
      const body = { ...registration(), ...fields };
      return signedIn(await client.post('/api/auth/register', body), 201);
    },
    login: async ({ email }, password = PASSWORD) =>
      signedIn(await client.post('/api/auth/login', { email, password }), 200),
    refresh: (refreshToken) => client.post('/api/auth/refresh', { refresh_token: refreshToken }),
    logout: (refreshToken) => client.post('/api/auth/logout', { refresh_token: refreshToken }),
    me: ({ accessToken }) => client.get('/api/auth/me', bearer(accessToken)),
  };
  return client;
}

function signedIn(response: Response, status: number): SignedIn {
  expect(response.body).toHaveProperty('access_token');
  expect(response.status).toBe(status);
  const { access_token: accessToken, refresh_token: refreshToken, user } = response.body;
  const { sid } = claimsOf(accessToken);
  return { email: user.email, userId: user.id, sessionId: String(sid), accessToken, refreshToken };
}

/** A browser on the issuer's own pages, or another origin's: keeps the cookie, sends an Origin. */
export interface Browser {
  /** `name=value` of the cookie that it holds. */
  cookie: string | undefined;
  post(path: string, body?: object): Promise<Response>;
  /** Logs in by cookie and answers the session's id. */
  login(email: string): Promise<string>;
  refresh(): Promise<Response>;
}

/** Makes a browser without cookies. */
export function browserAt(keyturn: Pick<TestKeyturn, 'url' | 'issuer'>, origin?: string): Browser {
  const client = clientOf(keyturn);
  const browser: Browser = {
    cookie: undefined,
    async post(path, body = {}) {
      const response = await client.post(path, body, {
        Origin: origin ?? keyturn.issuer,
        ...(browser.cookie !== undefined && { Cookie: browser.cookie }),
      });
      const [set] = setCookies(response);
      if (set !== undefined) browser.cookie = /Max-Age=0/.test(set) ? undefined : pairOf(set);
      return response;
    },
    async login(email) {
      const body = { email, password: PASSWORD, delivery: 'cookie' };
      const response = await browser.post('/api/auth/login', body);
      expect(response.status).toBe(200);
      return String(claimsOf(response.body.access_token).sid);
    },
    refresh: () => browser.post('/api/auth/refresh'),
  };
  return browser;
}

/** The Set-Cookie headers of a response. */
export function setCookies({ headers }: Pick<Response, 'headers'>): string[] {
  const value: unknown = headers['set-cookie'];
  return Array.isArray(value) ? value : [];
}

const pairOf = (setCookie: string): string => setCookie.slice(0, setCookie.indexOf(';'));

/** A JSON part of a compact JWS, unverified. */
export function partOf(token: string, index: 0 | 1): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[index] ?? '', 'base64url').toString());
}

/** The claims of an access token, unverified. */
export const claimsOf = (token: string): Record<string, unknown> => partOf(token, 1);
