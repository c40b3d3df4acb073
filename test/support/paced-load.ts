import { setTimeout as pause } from 'node:timers/promises';
import { expect, vi } from 'vitest';
import { bearer, clientOf, PASSWORD, registerServed, served } from './client.ts';
import { call, type LedgerClient, ledgerClient } from './ledger-client.ts';
import { WAIT } from './server-process.ts';

/** Sessions that refresh; each presents its token again only when its last answer has come. */
const SESSIONS = 24;
/** People whose sessions they are: a password is hashed for each session and each person. */
const PEOPLE = 4;
/** Logins at a time: hashes that wait for long are refused, and a slow machine makes few a second. */
const LOGINS = 2;
/** Milliseconds from one look at the schedule to the next. */
const TICK = 5;

/** What came of a paced load. */
export interface PacedTally {
  readonly answered: number;
  /** Answered requests a second, over the whole of it. */
  readonly rate: number;
  /** What went wrong, a line each. */
  readonly failures: readonly string[];
  /** Tokens that were given to sessions, all of which hold. */
  readonly acknowledged: number;
}

/** Requests that come at their appointed time, whether or not earlier ones were answered. */
export interface PacedLoad {
  /** Waits until so many more were answered. */
  more(answers: number): Promise<void>;
  /** Ends it, waits for the last answers and holds the server to the tokens that it gave. */
  finish(): Promise<PacedTally>;
}

type Request = () => Promise<unknown>;

/**
 * Sends `rate` requests a second, each once: nothing is asked for again, and whatever is not
 * answered as it should be has failed.
 * @param most how many may be waited for at once before requests are left out; the more a machine
 *   lags behind, the fewer it is asked for then
 */
export async function startPacedLoad(
  { url }: { readonly url: string },
  { rate, most }: { readonly rate: number; readonly most: number },
): Promise<PacedLoad> {
  const client = clientOf({ url });
  const people = await Promise.all(Array.from({ length: PEOPLE }, () => registerServed(client)));
  const person = (n: number) => people[n % PEOPLE] ?? expect.fail();
  const sessions: LedgerClient[] = [];
  for (let n = 0; n < SESSIONS; n++) {
    const { email } = person(n);
    const login = { email, password: PASSWORD };
    const { body } = await served(() => client.post('/api/auth/login', login));
    sessions.push(ledgerClient(body.refresh_token));
  }
  const idle = [...sessions];
  const failures: string[] = [];
  let answered = 0;
  let waiting = 0;
  let loggingIn = 0;
  let over = false;

  const get = async (path: string, headers = {}) => {
    const response = await fetch(`${url}${path}`, { headers });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${path}: ${response.status} ${text}`);
  };
  const login = async (n: number) => {
    const { email } = person(n);
    loggingIn++;
    const answer = await call(`${url}/api/auth/login`, { email, password: PASSWORD });
    loggingIn--;
    if (answer?.status !== 200) throw new Error(`login: ${JSON.stringify(answer)}`);
  };
  const refresh = async (session: LedgerClient) => {
    try {
      if (!(await session.attempt(url))) throw new Error('refresh: no answer, or 503');
    } finally {
      idle.push(session);
    }
  };
  /** Of a hundred: one login at most, 40 refreshes, 15 JWKS; the rest reads who one is, and todos. */
  const requestOf = (n: number): Request => {
    const place = (n * 37) % 100;
    if (place === 0 && loggingIn < LOGINS) return () => login(n);
    const session = place < 41 ? idle.shift() : undefined;
    if (session) return () => refresh(session);
    if (place < 56) return () => get('/.well-known/jwks.json');
    const headers = bearer(person(n).accessToken);
    return () => get(place < 80 ? '/api/auth/me' : '/api/users/me/todos', headers);
  };
  const send = async (n: number) => {
    waiting++;
    try {
      await requestOf(n)();
      answered++;
    } catch (error) {
      const { cause = '' } = error as Error;
      failures.push(`${error} ${cause}`.trim());
    }
    waiting--;
  };

  const startedAt = performance.now();
  const pacing = (async () => {
    for (let n = 0; !over; await pause(TICK)) {
      const due = Math.floor(((performance.now() - startedAt) / 1000) * rate);
      for (; n < due; n++) if (waiting < most) void send(n);
    }
    await vi.waitUntil(() => waiting === 0, WAIT);
  })();

  return {
    async more(answers) {
      const goal = answered + answers;
      await vi.waitUntil(() => answered >= goal || failures.length > 0, WAIT);
    },
    async finish() {
      over = true;
      await pacing;
      const seconds = (performance.now() - startedAt) / 1000;
      expect(idle).toHaveLength(SESSIONS);
      for (const session of sessions) await session.refresh(url);
      const acknowledged = sessions.reduce((sum, session) => sum + session.acknowledged.length, 0);
      return { answered, rate: answered / seconds, failures, acknowledged };
    },
  };
}
