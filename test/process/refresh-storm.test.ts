import { beforeAll, expect, test } from 'vitest';
import { bearer, browserAt, clientOf, freshEmail } from '../support/client.ts';
import { newDirectory } from '../support/databases.ts';
import { ISSUER } from '../support/keyturn.ts';
import { call } from '../support/ledger-client.ts';
import { administer, createTestDatabase } from '../support/postgres.ts';
import {
  PATIENCE,
  replicaOf,
  type ServerProcess,
  siteOn,
  startServer,
} from '../support/server-process.ts';
import { LONG } from '../support/thorough.ts';

const ROUNDS = LONG ? 1_000 : 50;
const AT_ONCE = 50;

let url: string;
let servers: readonly ServerProcess[];

beforeAll(async () => {
  const database = await createTestDatabase();
  url = database.url;
  const site = await siteOn({ url, dataDir: await newDirectory() });
  const sites = [site, await replicaOf(site), await replicaOf(site)];
  servers = await Promise.all(sites.map(startServer));
  await Promise.all(servers.map((server) => server.ready()));
  return database.drop;
});

/** Makes one refresh many times at once, spread over the replicas. */
async function storm(body: object, headers: Record<string, string> = {}) {
  const answers = await Promise.all(
    Array.from({ length: AT_ONCE }, (_, i) =>
      call(`${servers[i % servers.length]?.url}/api/auth/refresh`, body, headers),
    ),
  );
  expect(answers).toEqual(Array(AT_ONCE).fill(expect.objectContaining({ status: 200 })));
  return answers;
}

const only = (values: readonly unknown[]): string => {
  const distinct = [...new Set(values)];
  expect(distinct).toEqual([expect.any(String)]);
  return String(distinct[0]);
};

test('fifty refreshes of one token at once on three replicas have one successor', {
  timeout: PATIENCE,
}, async () => {
  const [{ url: first } = { url: '' }, ...others] = servers;
  const client = clientOf({ url: first });
  let { refreshToken, sessionId } = await client.register();
  const seen = new Set([refreshToken]);
  for (let round = 1; round <= ROUNDS; round++) {
    const answers = await storm({ refresh_token: refreshToken });
    refreshToken = only(answers.map((answer) => answer?.body.refresh_token));
    seen.add(refreshToken);
  }
  expect(seen.size).toBe(ROUNDS + 1);
  // The line goes on everywhere, and there is one of it.
  for (const { url } of others) {
    const { body } = await clientOf({ url }).refresh(refreshToken).expect(200);
    refreshToken = body.refresh_token;
    const sessions = await client.get('/api/auth/sessions', bearer(body.access_token));
    expect(sessions.body.sessions).toMatchObject([{ id: sessionId, current: true }]);
  }
});

test('fifty tabs that share a cookie get one new cookie once a window, on three replicas', {
  timeout: PATIENCE,
}, async () => {
  const [{ url: first } = { url: '' }] = servers;
  const email = freshEmail();
  await clientOf({ url: first }).register({ email });
  const browser = browserAt({ url: first, issuer: ISSUER });
  const sessionId = await browser.login(email);
  let cookie = only([browser.cookie]);
  const refreshed = async () => {
    const answers = await storm({}, { Cookie: cookie, Origin: ISSUER });
    return only(answers.map((answer) => answer?.setCookie?.split(';')[0]));
  };

  for (let round = 1; round <= (LONG ? 100 : 5); round++) {
    // Younger than the window: everybody keeps the same one.
    expect(await refreshed()).toBe(cookie);
    await administer(
      url,
      `update sessions set rotated_at = rotated_at - interval '1 hour' where id = '${sessionId}'`,
    );
    const next = await refreshed();
    expect(next).not.toBe(cookie);
    cookie = next;
  }
});
