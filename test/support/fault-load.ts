import { setTimeout as pause } from 'node:timers/promises';
import { expect, vi } from 'vitest';
import { bearer, clientOf, freshEmail } from './client.ts';
import {
  call,
  isUnavailable,
  type LedgerClient,
  ledgerClient,
  present,
  registerAs,
} from './ledger-client.ts';
import { PATIENCE, WAIT } from './server-process.ts';

const CLIENTS = 4;
/** Milliseconds from an answer to the next request: a fault's 503s come at once. */
const PAUSE = 10;

/** What was acknowledged under a load, all of which was there at its end. */
export interface Tally {
  /** Refreshes, registrations and todos together. */
  readonly acknowledged: number;
  readonly refreshes: number;
  readonly registrations: number;
  readonly todos: number;
  readonly jwks: number;
  /** Requests that were answered 503, or not at all. */
  readonly unanswered: number;
}

/** Clients at work. */
export interface Load {
  /** Waits for something to come about; throws the first wrong answer. */
  until(goal: () => boolean): Promise<void>;
  /** Waits until all have been given something anew; answers after how many milliseconds. */
  recovered(): Promise<number>;
  /**
   * Ends it, and holds the server to the books: nobody was logged out, everybody who registered
   * and every todo is there, and a consumed token ends its session. Throws on any wrong answer.
   */
  finish(): Promise<Tally>;
  /** Waits until a request more has come to nothing. */
  hurt(): Promise<void>;
}

/** Somebody with a session and todos. */
interface Worker {
  readonly ledger: LedgerClient;
  readonly email: string;
  readonly accessToken: string;
  readonly todos: string[];
}

/** Puts clients to work on a server that is ready; `REFRESH_REPLAY_WINDOW` must outlast it. */
export async function startLoad(
  { url }: { readonly url: string },
  clients = CLIENTS,
): Promise<Load> {
  const client = clientOf({ url });
  const jwks = (await client.get('/.well-known/jwks.json').expect(200)).text;
  const workers: Worker[] = [];
  for (let i = 0; i < clients; i++) {
    const { email, accessToken, refreshToken } = await client.register();
    workers.push({ email, accessToken, ledger: ledgerClient(refreshToken), todos: [] });
  }
  const registered: LedgerClient[] = [];
  const counts = { jwks: 0, unanswered: 0 };
  let over = false;
  const repeat = async (work: () => Promise<boolean>) => {
    while (!over) {
      if (!(await work())) counts.unanswered++;
      await pause(PAUSE);
    }
  };

  const addTodo = async ({ accessToken, todos }: Worker) => {
    const answer = await call(
      `${url}/api/users/me/todos`,
      { title: 'Something' },
      bearer(accessToken),
    );
    if (!answer || isUnavailable(answer)) return false;
    expect(answer).toMatchObject({ status: 201, body: { id: expect.any(String) } });
    todos.push(String(answer.body.id));
    return true;
  };
  const register = async () => {
    const answer = await registerAs(url, freshEmail());
    if (!answer || isUnavailable(answer)) return false;
    expect(answer).toMatchObject({ status: 201 });
    registered.push(ledgerClient(String(answer.body.refresh_token)));
    return true;
  };
  const readJwks = async () => {
    const response = await fetch(`${url}/.well-known/jwks.json`);
    expect([response.status, await response.text()]).toEqual([200, jwks]);
    counts.jwks++;
    return true;
  };
  const loops = [
    ...workers.flatMap((worker) => [
      repeat(() => worker.ledger.attempt(url)),
      repeat(() => addTodo(worker)),
    ]),
    repeat(register),
    repeat(readJwks),
  ];
  // A wrong answer is heard of at the end, or when a recovery is waited for.
  const all = Promise.all(loops);
  const failed = all.then(() => new Promise<never>(() => {}));
  failed.catch(() => {});

  const until = async (goal: () => boolean) => {
    await Promise.race([failed, vi.waitUntil(goal, { ...WAIT, timeout: PATIENCE })]);
  };

  return {
    until,
    hurt() {
      const before = counts.unanswered;
      return until(() => counts.unanswered > before);
    },
    async recovered() {
      const since = performance.now();
      const before = workers.map(({ ledger, todos }) => [ledger.acknowledged.length, todos.length]);
      const people = registered.length;
      const anew = () =>
        registered.length > people &&
        workers.every(({ ledger, todos }, i) => {
          const [refreshes = 0, written = 0] = before[i] ?? [];
          return ledger.acknowledged.length > refreshes && todos.length > written;
        });
      await Promise.race([failed, vi.waitUntil(anew, WAIT)]);
      return performance.now() - since;
    },
    async finish() {
      over = true;
      await all;
      await Promise.all(
        [...workers.map(({ ledger }) => ledger), ...registered].map((ledger) =>
          ledger.refresh(url),
        ),
      );
      for (const worker of workers) {
        const there = await todosOf(url, worker);
        expect(worker.todos.filter((id) => !there.has(id))).toEqual([]);
      }
      const refreshes = workers.reduce((sum, { ledger }) => sum + ledger.acknowledged.length, 0);
      await Promise.all(workers.map(({ ledger }) => expectConsumed(url, ledger)));
      // The passwords are there as well, for those whose sessions have just ended.
      await Promise.all(workers.map((worker) => client.login(worker)));
      const todos = workers.reduce((sum, worker) => sum + worker.todos.length, 0);
      const registrations = registered.length;
      const acknowledged = refreshes + registrations + todos;
      return { acknowledged, refreshes, registrations, todos, ...counts };
    },
  };
}

/** The ids of somebody's todos. */
async function todosOf(url: string, { accessToken }: Worker): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  let cursor: string | null = '';
  while (cursor !== null) {
    const query: string = cursor && `&cursor=${encodeURIComponent(cursor)}`;
    const path = `/api/users/me/todos?limit=100${query}`;
    const { body } = await clientOf({ url }).get(path, bearer(accessToken)).expect(200);
    for (const { id } of body.todos) ids.add(id);
    cursor = body.next_cursor ?? null;
  }
  return ids;
}

/** What was consumed stays consumed, and ends the session when it is presented. */
async function expectConsumed(url: string, { acknowledged }: LedgerClient): Promise<void> {
  const old = await present(url, acknowledged.at(-3) ?? '');
  expect(old).toMatchObject({ status: 401, body: { code: 'refresh_token_reused' } });
  const current = await present(url, acknowledged.at(-1) ?? '');
  expect(current).toMatchObject({ status: 401, body: { code: 'invalid_refresh_token' } });
}
