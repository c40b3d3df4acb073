import { setImmediate as macrotask } from 'node:timers/promises';
import type { Platform } from '../../src/client/platform.ts';
import { openSession, type Session, type SignedOutReason } from '../../src/client/session.ts';
import type { User } from '../../src/client/token.ts';

export const ISSUER = 'https://id.example.com';
export const ADA: User = {
  id: '0190a000-0000-7000-8000-000000000001',
  email: 'ada@example.com',
  email_verified: true,
  name: 'Ada Lovelace 🧮',
};
export const BOB: User = { ...ADA, id: ADA.id.replace(/1$/, '2'), name: 'Bob' };

const SECOND = 1_000;
/** What access tokens live, in milliseconds. */
export const LIFETIME = 900 * SECOND;

/** A tab, and what its page was told. */
export interface Tab {
  readonly session: Session;
  readonly platform: Platform;
  readonly users: (User | null)[];
  readonly reasons: SignedOutReason[];
  visible: boolean;
  wake(deaf?: boolean): void;
}

interface Timer {
  readonly at: number;
  readonly work: () => void;
}

/** A server that answers as Keyturn does, as far as a browser's client can tell. */
export interface FakeServer {
  /** Whose session the cookie is; null: none. */
  signedIn: User | null;
  /** Code of the 401 when there is none. */
  refusal: 'invalid_refresh_token' | 'refresh_token_reused';
  /** Answers everything so, while it is set. */
  trouble: (() => Response | Promise<Response>) | undefined;
  /** Milliseconds that an answer takes. */
  latency: number;
  sessionLifetime: number;
  /** The calls that came, as `refresh`, with their bodies. */
  readonly calls: string[];
  readonly bodies: unknown[];
  /** The most calls that were in the works at once. */
  atOnce: number;
}

export const problem = (status: number, code: string, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify({ code, status, detail: `It is ${code}.` }), { status, headers });

/** One browser: tabs of one origin, which share locks, channels, cookie and wall clock. */
export function createWorld() {
  let monotonic = 5_000;
  let wall = Date.UTC(2026, 0, 1);
  let timers: Timer[] = [];
  let issued = 0;
  let inWork = 0;
  const channels = new Map<string, Set<(news: unknown) => void>>();
  const locks = new Map<string, Promise<unknown>>();
  const server: FakeServer = {
    signedIn: ADA,
    refusal: 'invalid_refresh_token',
    trouble: undefined,
    latency: 0,
    sessionLifetime: 7 * 24 * 3600 * SECOND,
    calls: [],
    bodies: [],
    atOnce: 0,
  };
  /** Held back where a test wants the news to come late. */
  const post = { late: false };

  const later = (delay: number, work: () => void) => {
    const timer = { at: monotonic + delay, work };
    timers.push(timer);
    return () => {
      timers = timers.filter((other) => other !== timer);
    };
  };

  async function answer(url: string, init: RequestInit = {}): Promise<Response> {
    const call = url.slice(`${ISSUER}/api/auth/`.length);
    server.calls.push(call);
    server.bodies.push(JSON.parse(String(init.body)));
    inWork++;
    server.atOnce = Math.max(server.atOnce, inWork);
    if (server.latency > 0) {
      await new Promise<void>((resolve) => later(server.latency, resolve));
    }
    inWork--;
    if (server.trouble) return server.trouble();
    if (call === 'logout') {
      server.signedIn = null;
      return new Response(null, { status: 204 });
    }
    if (call !== 'refresh') server.signedIn ??= ADA;
    if (!server.signedIn) return problem(401, server.refusal);
    return Response.json({
      access_token: tokenOf(server.signedIn, ++issued),
      token_type: 'Bearer',
      expires_in: LIFETIME / SECOND,
      refresh_expires_in: server.sessionLifetime / SECOND,
    });
  }

  async function settle(): Promise<void> {
    for (let i = 0; i < 20; i++) await macrotask();
  }

  async function run(time: number): Promise<void> {
    const end = monotonic + time;
    await settle();
    for (;;) {
      const [next] = timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      timers = timers.filter((other) => other !== next);
      wall += Math.max(0, next.at - monotonic);
      monotonic = Math.max(monotonic, next.at);
      next.work();
      await settle();
    }
    wall += end - monotonic;
    monotonic = end;
  }

  function openTab({ visible = true } = {}): Tab {
    let wake: (deaf: boolean) => void = () => {};
    const platform: Platform = {
      fetch: ((url: string, init?: RequestInit) => answer(url, init)) as typeof fetch,
      monotonic: () => monotonic,
      wall: () => wall,
      exclusively<T>(name: string, work: () => Promise<T>): Promise<T> {
        const turn = (locks.get(name) ?? Promise.resolve()).then(work, work);
        locks.set(
          name,
          turn.catch(() => {}),
        );
        return turn;
      },
      openChannel(name, hear) {
        const ears = channels.get(name) ?? new Set();
        channels.set(name, ears.add(hear));
        return (news) => {
          for (const other of ears) {
            const say = () => other(structuredClone(news));
            if (other !== hear) post.late ? later(50, say) : queueMicrotask(say);
          }
        };
      },
      onWake(call) {
        wake = call;
      },
      visible: () => tab.visible,
      later,
      here: () => 'https://app.example.com/list?of=todos',
      goTo() {},
    };
    const users: (User | null)[] = [];
    const reasons: SignedOutReason[] = [];
    const tab: { -readonly [K in keyof Tab]: Tab[K] } = {
      platform,
      users,
      reasons,
      visible,
      wake: (deaf = false) => wake(deaf),
      session: undefined as unknown as Session,
    };
    tab.session = openSession({
      platform,
      issuer: ISSUER,
      onChange: (user) => void users.push(user),
      onSignedOut: (reason) => void reasons.push(reason),
    });
    return tab;
  }

  return {
    server,
    post,
    openTab,
    settle,
    /** Lets time pass, timers and answers included. */
    run,
    /** The machine sleeps: the wall clock goes on, nothing else does. */
    sleep(time: number) {
      wall += time;
    },
    /** Somebody sets the clock. */
    setClock(by: number) {
      wall += by;
    },
    refreshes: () => server.calls.filter((call) => call === 'refresh').length,
  };
}

/** An access token as the client reads it; its signature is the services' business. */
export function tokenOf(user: User, jti: number): string {
  const { id: sub, ...claims } = user;
  const payload = Buffer.from(JSON.stringify({ sub, ...claims, jti })).toString('base64url');
  return `e30.${payload}.signature-${jti}`;
}

/** The network is away. */
export const offline = () => Promise.reject(new TypeError('Failed to fetch'));
