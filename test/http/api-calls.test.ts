import { Router } from '@koa/router';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { DRIVERS, type TestDriver } from '../support/databases.ts';
import { standingClock, startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import {
  answersOf,
  type Conformance,
  callsOf,
  conformanceTo,
  type OpenApi,
  send,
} from '../support/openapi.ts';
import {
  BODIES,
  badTokens,
  exhaust,
  newcomer,
  refuseAtAccounts,
  refuseAtTodos,
  refuseForms,
} from './api-refusals.ts';
import { type Call, readDocuments, register, useAccounts, useTodos } from './api-tour.ts';

interface Described {
  readonly keyturn: TestKeyturn;
  readonly document: OpenApi;
  readonly conformance: Conformance;
  /** `GET /api/auth/me`, as the routers have it. */
  readonly routes: readonly string[];
}

const ENV = { RATE_LIMIT: 'on' };

/** Starts a Keyturn, and keeps what it serves and what it says that it serves. */
async function described(starting: () => Promise<TestKeyturn>): Promise<Described> {
  const routing = vi.spyOn(Router.prototype, 'routes');
  const keyturn = await starting();
  const layers = routing.mock.contexts.flatMap((router) => (router as Router).stack);
  routing.mockRestore();
  const routes = layers.flatMap(({ methods, path }) =>
    methods.filter((method) => method !== 'HEAD').map((method) => `${method} ${path}`),
  );
  const { body: document } = await send(keyturn.url, 'GET', '/openapi.json', {});
  return { keyturn, document, conformance: conformanceTo(document), routes };
}

const SETUPS = [
  {
    setup: 'all in one',
    start: async (driver: TestDriver) => [
      await described(() => startKeyturn(driver, { env: ENV, clock: standingClock() })),
    ],
  },
  {
    setup: 'in two processes',
    async start(driver: TestDriver) {
      const clock = standingClock();
      const issuer = await described(() =>
        startKeyturn(driver, { env: ENV, clock, role: 'issuer' }),
      );
      const env = { JWKS_URI: `${issuer.keyturn.url}/.well-known/jwks.json` };
      const todos = await described(() =>
        startKeyturn(driver, { env, clock, role: 'resource-server' }),
      );
      return [issuer, todos];
    },
  },
];

/** One that has addresses verified, one that is closed to newcomers, one that is starting. */
let others: TestKeyturn[] = [];
beforeAll(async () => {
  const [driver] = DRIVERS as [TestDriver, TestDriver];
  others = await Promise.all([
    startKeyturn(driver, { env: { EMAIL_VERIFICATION: 'required' } }),
    startKeyturn(driver, { env: { REGISTRATION: 'closed' } }),
    startKeyturn(driver, { boot: false }),
  ]);
});
afterAll(async () => {
  for (const other of others) await other.close();
});

describe.each(DRIVERS)('the API by its own description on $name', (driver) => {
  describe.each(SETUPS)('$setup', ({ start }) => {
    let all: Described[] = [];
    beforeAll(async () => {
      all = await start(driver);
    });
    afterAll(async () => {
      for (const { keyturn } of all.toReversed()) await keyturn.close();
    });

    const call: Call = async (name, { in: within = {}, query = '', url, ...sent } = {}) => {
      const [method = '', template = ''] = name.split(' ');
      const path = template.replaceAll(
        /\{(\w+)\}/g,
        (_all, key: string) => within[key] ?? ANY[key] ?? '',
      );
      const last = [];
      for (const { keyturn, document, conformance } of all) {
        if (!callsOf(document).has(name)) continue;
        const received = await send(url ?? keyturn.url, method, path + query, sent);
        conformance.hold(name, received);
        last.push(received);
      }
      const [received] = last;
      if (!received) throw new Error(`${name} is not documented`);
      return received;
    };

    test('holds every route, and no other', () => {
      for (const { document, routes, keyturn } of all) {
        const ofApi = routes.filter((route) => / \/(?:api\/|readyz$)/.test(route));
        const documents = [...(keyturn.parts.issuer?.documents.keys() ?? [])];
        const fast = ['/healthz', '/openapi.json', ...documents].map((path) => `GET ${path}`);
        const served = [...ofApi, ...fast].map((route) => route.replaceAll(/:(\w+)/g, '{$1}'));
        expect([...callsOf(document).keys()].sort()).toEqual([...new Set(served)].sort());
        expect(served.length).toBeGreaterThan(7);
      }
    });

    test('is what every call answers, in every way that it tells', async () => {
      const [{ keyturn }] = all as [Described];
      const tour = { call, keyturn };
      await useAccounts(tour);
      const { token } = await register(call);
      await useTodos(tour, token);
      await readDocuments(tour);

      await refuseAtAccounts(tour);
      await refuseAtTodos(tour, token);
      const body = newcomer();
      const [strict, closed, starting] = others as [TestKeyturn, TestKeyturn, TestKeyturn];
      await call('POST /api/auth/register', { body, url: strict.url });
      await strict.parts.issuer?.answerRequests();
      const { name: _, ...unverified } = body;
      await call('POST /api/auth/login', { body: unverified, url: strict.url });
      await call('POST /api/auth/register', { body, url: closed.url });

      const tokens = { good: token, bad: await badTokens(tour) };
      await exhaust(keyturn);
      for (const { document } of all) {
        for (const [name, described] of callsOf(document)) {
          await refuseForms(call, name, described, tokens);
          const limited = '429' in described.responses;
          const bearer = described.security.some((scheme) => 'bearer' in scheme);
          const body = BODIES[described.operationId] ?? {};
          const bare = described.operationId === 'resendVerification' || !bearer;
          if (limited) await call(name, { body, ...(!bare && { token }) });
          await call(name, { url: starting.url });
        }
      }

      for (const { document, conformance } of all) {
        const told = answersOf(document).filter((answer) => !answer.endsWith(' 500 internal'));
        expect([...conformance.seen].sort()).toEqual(told.sort());
        expect(told.length).toBeGreaterThan(30);
      }
    });
  });
});

const ANY: Readonly<Record<string, string>> = {
  user_id: 'me',
  id: '01900000-0000-7000-8000-000000000000',
};
