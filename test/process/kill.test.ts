import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { clientOf, freshEmail } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { reportFault } from '../support/fault-report.ts';
import { type LedgerClient, ledgerClient, present, registerAs } from '../support/ledger-client.ts';
import {
  type Ended,
  logLines,
  PATIENCE,
  siteOn,
  startServer,
  WAIT,
} from '../support/server-process.ts';
import { LONG } from '../support/thorough.ts';

const KILLS = { postgres: LONG ? 150 : 20, embedded: LONG ? 150 : 10 };
/** Every so many kills wait for a registration, which takes a slow machine longer than TRAFFIC. */
const REGISTERED = 3;
const CLIENTS = 6;
/** So many milliseconds of kills are enough where some of each kind were among them. */
const BUDGET = LONG ? 0.7 * PATIENCE : 170_000;
/** A kill comes within this many milliseconds of traffic. */
const TRAFFIC = 250;
/** REFRESH_REPLAY_WINDOW, so short that retries come within it and after it. */
const WINDOW = 1_000;

/** The registrations of one life of the server. */
interface Registrations {
  readonly acknowledged: Map<string, LedgerClient>;
  /** The address whose registration got no answer. */
  lost: string;
}

async function registerUntilLost(url: string, registrations: Registrations): Promise<void> {
  for (;;) {
    const email = freshEmail();
    const answer = await registerAs(url, email);
    registrations.lost = email;
    if (!answer) return;
    expect(answer).toMatchObject({ status: 201 });
    registrations.acknowledged.set(email, ledgerClient(String(answer.body.refresh_token)));
  }
}

/** Registers somebody, and again where no answer comes: a kept connection may end as it is used. */
const statusOfRegistration = async (url: string, email: string): Promise<number> =>
  (await vi.waitUntil(() => registerAs(url, email), WAIT)).status;

/** Everybody who registered is there, and one who got no answer can go on. */
async function expectThere(url: string, { acknowledged, lost }: Registrations) {
  for (const [email, client] of acknowledged) {
    await clientOf({ url }).login({ email });
    await client.refresh(url);
  }
  expect([201, 409]).toContain(await statusOfRegistration(url, lost));
  await clientOf({ url }).login({ email: lost });
}

/** What was consumed stays consumed, and ends the session when it is presented. */
async function expectConsumed(url: string, { acknowledged }: LedgerClient) {
  const consumed = await present(url, acknowledged.at(-4) ?? '');
  expect(consumed).toMatchObject({ status: 401, body: { code: 'refresh_token_reused' } });
  const current = await present(url, acknowledged.at(-1) ?? '');
  expect(current).toMatchObject({ status: 401, body: { code: 'invalid_refresh_token' } });
}

/** How often a server gave a client what an earlier one had committed and not answered. */
const healings = ({ stdout }: Ended): number =>
  logLines(stdout).filter(({ event }) => /^refresh_(replayed|recovered)$/.test(`${event}`)).length;

describe.each(DRIVERS)('kill -9 under load on $name', ({ name, kind, create }) => {
  test('logs nobody out, loses nothing acknowledged, revives no token', {
    timeout: PATIENCE,
  }, async () => {
    const storage = await create();
    const site = await siteOn(storage, { REFRESH_REPLAY_WINDOW: `${WINDOW / 1000}s` });
    const clients: LedgerClient[] = [];
    const everybody: LedgerClient[] = [];
    const registered: LedgerClient[] = [];
    let healed = 0;
    let recovery = 0;
    let server = await (await startServer(site)).ready();

    // On a machine so busy that a start takes many seconds there are fewer kills.
    const late = performance.now() + BUDGET;
    const isTried = () => healed > 0 && registered.length > 0 && performance.now() > late;
    // Until one kill at least came between a commit and its answer, or else little was tried.
    const enough = () => kills >= KILLS[kind] * (healed > 0 ? 1 : 5) || isTried();
    let kills = 0;
    while (!enough()) {
      kills++;
      while (clients.length < CLIENTS) {
        const client = ledgerClient((await clientOf(server).register()).refreshToken);
        clients.push(client);
        everybody.push(client);
      }
      const traffic = Promise.all(clients.map((client) => client.refreshUntilLost(server.url)));
      const registrations: Registrations = { acknowledged: new Map(), lost: '' };
      const registering = registerUntilLost(server.url, registrations);
      if (kills % REGISTERED === 0) {
        await vi.waitUntil(() => registrations.acknowledged.size > 0, WAIT);
      }
      await pause(Math.random() * TRAFFIC);
      healed += healings(await server.stop('SIGKILL'));
      const killedAt = performance.now();
      await traffic;
      await registering;

      server = await (await startServer(site)).ready();
      // A second lost answer to one token would count as theft after the window, by contract: so
      // all have their answer before the next kill.
      recovery = Math.max(recovery, performance.now() - killedAt);
      const afterWindow = kills % 2 === 1;
      if (afterWindow) await vi.waitUntil(() => performance.now() - killedAt > 2 * WINDOW, WAIT);
      await Promise.all(clients.map((client) => client.refresh(server.url)));
      await expectThere(server.url, registrations);
      registered.push(...registrations.acknowledged.values());
      const betrayed = clients.findIndex(({ acknowledged }) => acknowledged.length > 3);
      for (const client of betrayed < 0 ? [] : clients.splice(betrayed, 1)) {
        await expectConsumed(server.url, client);
      }
    }

    for (const client of [...clients, ...registered]) await client.refresh(server.url);
    healed += healings(await server.stop('SIGINT'));
    expect(healed).toBeGreaterThan(0);
    expect(registered.length).toBeGreaterThan(0);
    reportFault({
      fault: `kill -9 of the server under load (${name})`,
      times: kills,
      acknowledged: [...everybody, ...registered].reduce(
        (n, one) => n + one.acknowledged.length,
        0,
      ),
      recovery,
      note: `recovery is a start; ${healed} lost answers healed`,
    });
    await storage.drop();
  });
});
