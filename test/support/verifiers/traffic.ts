import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';
import { bearer, claimsOf, freshEmail, PASSWORD, partOf } from '../client.ts';
import { call, type WholeAnswer } from '../ledger-client.ts';

/** People who log in, refresh and call an API, on every replica in turn. */
export interface Traffic {
  readonly logins: number;
  readonly refreshes: number;
  /** The kids that signed what they got. */
  readonly kids: ReadonlySet<string>;
  /** Rejects as soon as anything is refused to any of them. */
  readonly refused: Promise<never>;
  /** Ends it; throws what `refused` does. */
  stop(): Promise<void>;
}

/** How to go about it. */
export interface TrafficOptions {
  readonly clients: number;
  /** Between two calls of one client, in milliseconds. */
  readonly pace: number;
  /** Told of every access token that was issued. */
  readonly onToken: (token: string) => void;
}

/** Calls of a client before it logs in anew. */
const REFRESHES_A_LOGIN = 12;

/** Starts clients on some replicas; a 503 is asked again, with the same token. */
export function startTraffic(
  urls: readonly string[],
  { clients, pace, onToken }: TrafficOptions,
): Traffic {
  let stopped = false;
  let turn = 0;
  let logins = 0;
  let refreshes = 0;
  const kids = new Set<string>();
  const somewhere = () => String(urls[turn++ % urls.length]);

  const untilServed = async (
    path: string,
    body: object,
    status = 200,
  ): Promise<WholeAnswer['body']> => {
    for (;;) {
      const answer = await call(`${somewhere()}${path}`, body);
      if (answer && answer.status !== 503) {
        expect(answer).toMatchObject({ status });
        return answer.body;
      }
      await pause(pace);
    }
  };
  const use = async (token: string) => {
    kids.add(String(partOf(token, 0).kid));
    onToken(token);
    const path = '/api/users/me/todos?limit=1';
    const response = await fetch(`${somewhere()}${path}`, { headers: bearer(token) });
    const { code } = (await response.json()) as { code?: string };
    // On a machine that stands still for seconds a token may be over before it is looked at.
    if (code === 'token_expired' && Date.now() >= 1000 * Number(claimsOf(token).exp)) return;
    expect([200, 503], code).toContain(response.status);
  };
  const live = async () => {
    const who = { email: freshEmail(), password: PASSWORD };
    await untilServed('/api/auth/register', { ...who, name: 'Ann' }, 201);
    while (!stopped) {
      let body = await untilServed('/api/auth/login', who);
      logins++;
      await use(String(body.access_token));
      for (let i = 0; i < REFRESHES_A_LOGIN && !stopped; i++) {
        body = await untilServed('/api/auth/refresh', { refresh_token: body.refresh_token });
        refreshes++;
        await use(String(body.access_token));
        await pause(pace);
      }
    }
  };
  const lives = Promise.all(Array.from({ length: clients }, live));
  const refused = new Promise<never>((_, reject) => {
    lives.catch(reject);
  });
  refused.catch(() => {});

  return {
    get logins() {
      return logins;
    },
    get refreshes() {
      return refreshes;
    },
    kids,
    refused,
    async stop() {
      stopped = true;
      await lives;
    },
  };
}
