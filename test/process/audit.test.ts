import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { SessionReport, TrailReport } from '../../src/control/trail.ts';
import { execute } from '../../src/db/statement.ts';
import { bearer, type Client, clientOf, freshEmail, type SignedIn } from '../support/client.ts';
import { DRIVERS, openStorage, type Storage } from '../support/databases.ts';
import {
  logLines,
  type ServerProcess,
  type Site,
  siteOn,
  startServer,
  statusOf,
  WAIT,
} from '../support/server-process.ts';
import { say } from '../support/verifiers/in-process.ts';

const WHEN = '\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\dZ';
const AGENT = { 'User-Agent': 'phone' };

describe.each(DRIVERS)('commands beside a running server on $name', ({ create }) => {
  let storage: Storage;
  let site: Site;
  let server: ServerProcess;
  let client: Client;
  let ann: SignedIn;
  beforeAll(async () => {
    storage = await create();
    site = await siteOn(storage, { SELF_CHECK: 'off' });
    server = await (await startServer(site)).ready();
    client = clientOf(server);
    ann = await client.register();
  });
  afterAll(async () => {
    await server.stop('SIGINT');
    await storage.drop();
  });

  const refresh = async (token: string) =>
    (await client.post('/api/auth/refresh', { refresh_token: token }, AGENT)).body;
  const list = async (words: string): Promise<TrailReport> => {
    const { status, stdout, stderr } = await say(`audit list ${words} --json`, site);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return JSON.parse(stdout);
  };
  const explain = async (id: string): Promise<string> => {
    const { status, stdout, stderr } = await say(`sessions explain ${id}`, site);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return stdout;
  };

  test('sessions explain tells a live session, refreshed, replayed', async () => {
    const { refresh_token: next } = await refresh(ann.refreshToken);
    expect((await refresh(ann.refreshToken)).refresh_token).toBe(next);
    expect(await explain(ann.sessionId)).toMatch(
      new RegExp(
        [
          `^Session ${ann.sessionId} of ${ann.email}, user ${ann.userId}\\.`,
          `It began on ${WHEN} from 127\\.0\\.0\\.1\\.`,
          `It was refreshed once, and used last on ${WHEN} from 127\\.0\\.0\\.1 with phone\\.`,
          'A token just consumed was presented again once and got the same successor, ' +
            `last on ${WHEN} from 127\\.0\\.0\\.1\\.`,
          `It is live: until ${WHEN} unless it is refreshed, and until ${WHEN} at the longest\\.\n$`,
        ].join('\n'),
      ),
    );
  });

  test('sessions explain says that a theft logged the user out', async () => {
    const bob = await client.login(ann);
    const { refresh_token: second } = await refresh(bob.refreshToken);
    await refresh(second);
    expect((await refresh(bob.refreshToken)).code).toBe('refresh_token_reused');
    const story = await explain(bob.sessionId.toUpperCase());
    expect(story).toMatch(/^It was refreshed 2 times, and used last on /m);
    expect(story).toMatch(
      new RegExp(
        `^It ended on ${WHEN} because a consumed refresh token was presented after its ` +
          'successor had been used: theft\\. Presented from 127\\.0\\.0\\.1 with phone\\.\n$',
        'm',
      ),
    );
    const { stdout } = await say(`sessions explain ${bob.sessionId} --json`, site);
    const report: SessionReport = JSON.parse(stdout);
    expect(report).toMatchObject({
      state: 'ended',
      email: ann.email,
      session: { generation: 3, end_reason: 'refresh_token_reused' },
      ended: { address: '127.0.0.1', user_agent: 'phone' },
    });
    expect(report.events.map(({ event }) => event)).toEqual(['logged_in', 'refresh_token_reused']);
    expect(stdout).not.toMatch(/hash|salt|ktr_/);
  });

  test('sessions explain finds what ended a session together with others', async () => {
    const eve = await client.register();
    const other = await client.login(eve);
    const headers = { ...bearer(other.accessToken), ...AGENT };
    await client.post('/api/auth/logout-all', {}, headers).expect(204);
    expect(await explain(eve.sessionId)).toMatch(
      /because all sessions of the account were ended\. Asked for from 127\.0\.0\.1 with phone\.\n$/,
    );
  });

  test('audit list shows what it is asked for, the newest first', async () => {
    const before = (await list(`--user ${ann.email}`)).events.length;
    const credentials = { email: ann.email, password: 'wrong' };
    await client.post('/api/auth/login', credentials, AGENT).expect(401);
    const { events, more } = await list(`--user ${ann.email.toUpperCase()}`);
    expect(more).toBe(false);
    expect(events).toHaveLength(before + 1);
    expect(events[0]).toMatchObject({
      event: 'login_failed',
      user_id: ann.userId,
      user_agent: 'phone',
    });
    expect(events.map(({ at }) => at)).toEqual(
      events
        .map(({ at }) => at)
        .sort()
        .reverse(),
    );
    expect(await list(`--user ${ann.userId}`)).toEqual({ events, more });
    expect(await list(`--user ${ann.userId} --event login_failed`)).toEqual({
      events: [events[0]],
      more: false,
    });
    expect(await list(`--user ${ann.userId} --limit 1`)).toEqual({
      events: [events[0]],
      more: true,
    });
    expect(await list(`--user ${ann.userId} --since 1h`)).toEqual({ events, more });
    expect(await list(`--user ${ann.userId} --since ${events[0]?.at}`)).toMatchObject({
      events: [{ event: 'login_failed' }],
    });
    expect(await list('--since 2999-01-01')).toEqual({ events: [], more: false });
    const human = await say(`audit list --user ${ann.userId} --limit 1`, site);
    expect(human.stdout).toMatch(
      new RegExp(
        `^AT +EVENT +USER +SESSION +ADDRESS +REASON +AGENT\n${WHEN} +login_failed +${ann.userId} +` +
          '- +127\\.0\\.0\\.1 +- +phone\n\nThere are older ones: see --limit\\.\n$',
      ),
    );
  });

  test('both say what is not there', async () => {
    const nobody = freshEmail();
    const unknown = await say(`audit list --user ${nobody} --json`, site);
    expect([unknown.status, JSON.parse(unknown.stdout).error.code]).toEqual([1, 'unknown_user']);
    for (const id of ['nonsense', crypto.randomUUID()]) {
      const { status, stdout } = await say(`sessions explain ${id} --json`, site);
      expect([status, JSON.parse(stdout).error.code]).toEqual([1, 'unknown_session']);
    }
  });

  test.each([
    ['audit list --event nonsense', 'There is no event nonsense'],
    ['audit list --since yesterday', '--since takes a time'],
    ['audit list --since 2026-02-31T25:00', '--since takes a time'],
    ['audit list --since 2026-02-31', '--since takes a time'],
    ['audit list --limit 0', '--limit takes a number'],
    ['audit list --limit 10001', '--limit takes a number'],
    ['sessions explain', 'takes one session ID'],
    ['sessions explain a b', 'takes one session ID'],
  ])('%s is wrong usage', async (words, complaint) => {
    const { status, stdout, stderr } = await say(words, site);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(complaint);
  });
});

describe('SIGTERM', () => {
  test('stores what the table had no time for', async () => {
    const [{ create }] = DRIVERS.filter(({ kind }) => kind === 'postgres') as [(typeof DRIVERS)[0]];
    const storage = await create();
    const server = await (await startServer(await siteOn(storage))).ready();
    const client = clientOf(server);
    const failures = (): number =>
      logLines(server.said.stdout).filter(({ event }) => event === 'login_failed').length;
    const database = await openStorage(storage);
    const ended = await database.transaction(async (tx) => {
      await execute(tx, 'LOCK TABLE audit_events');
      const attempt = () =>
        client.post('/api/auth/login', { email: freshEmail(), password: 'wrong' }).expect(401);
      await Promise.all([attempt(), attempt(), attempt()]);
      await vi.waitUntil(() => failures() === 3, WAIT);
      const ending = server.stop('SIGTERM');
      // It has stopped to listen and closes: the lock goes, and the events come in.
      await vi.waitUntil(async () => (await statusOf(`${server.url}/healthz`)) === undefined, WAIT);
      return { ending };
    });
    expect(await ended.ending).toMatchObject({ status: 0, stderr: '' });
    const { rows } = await execute(database.db, 'SELECT event FROM audit_events');
    expect(rows).toEqual(Array(3).fill({ event: 'login_failed' }));
    await database.close();
    await storage.drop();
  });
});
