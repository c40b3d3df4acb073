import { type Call, patience, post } from './call.ts';
import { KeyturnError } from './error.ts';
import type { Platform } from './platform.ts';
import { ageOf, type HeldToken, holdToken, isUsable, type TokenNews, type User } from './token.ts';

/**
 * Why nobody is signed in: there was no session when the page was loaded, somebody signed out here
 * or in another tab, it was not used for too long, it was ended elsewhere, or its refresh token
 * was used by two (and one of them may have stolen it).
 */
export type SignedOutReason = 'none' | 'signed_out' | 'expired' | 'session_ended' | 'stolen';

/** A session in this tab. */
export interface Session {
  /** Undefined until it is known. */
  user(): User | null | undefined;
  /** A token that is good for some seconds at least. @throws KeyturnError */
  accessToken(): Promise<string>;
  /** Another token than one that was refused. @throws KeyturnError */
  replace(refused: string): Promise<string>;
  /** Registers or logs in; null when neither signs in before the email is verified. */
  enter(call: 'register' | 'login', body: object): Promise<User | null>;
  leave(): Promise<void>;
}

/** What a session is made from. */
export interface SessionDeps {
  readonly platform: Platform;
  /** An origin. */
  readonly issuer: string;
  onChange(user: User | null): void;
  onSignedOut(reason: SignedOutReason): void;
}

/** The hosted pages tell whose the session is, by id, and have no token to hand on. */
type News = TokenNews | { readonly over: SignedOutReason } | { readonly is: string };

const BACK_OFF = { first: 1_000, longest: 60_000 };
/** Browsers take no longer timers. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Finds out whether there is a session, and keeps it fresh from then on. */
export function openSession({ platform, issuer, onChange, onSignedOut }: SessionDeps): Session {
  const name = `keyturn:${issuer}`;
  let user: User | null | undefined;
  let held: HeldToken | undefined;
  let refreshing: Promise<HeldToken> | undefined;
  /** How often this tab was told, by the server or another tab, who is signed in. */
  let told = 0;
  let failures = 0;
  let refusal: { readonly error: KeyturnError; readonly until: number } | undefined;
  let callOff = () => {};
  const tell = platform.openChannel(name, (news) => hear(news as News));

  function hear(news: News): void {
    if ('is' in news) follow(news.is).catch(() => {});
    else if (!('over' in news)) hold(news);
    else if (news.over !== 'none' || user === undefined) end(news.over);
  }

  /** Somebody has logged in there: what is held is good for a while, and may be somebody else's. */
  async function follow(id: string): Promise<void> {
    // A renewal under way may have begun before.
    await refreshing?.catch(() => {});
    if (user?.id !== id) await refresh();
  }

  function hold(news: TokenNews): HeldToken {
    held = holdToken(news, platform);
    told++;
    failures = 0;
    refusal = undefined;
    plan(held.renewAt - ageOf(held, platform));
    become(held.user);
    return held;
  }

  function end(reason: SignedOutReason): void {
    const before = user;
    held = undefined;
    told++;
    callOff();
    become(null);
    if (before !== null) queueMicrotask(() => onSignedOut(reason));
  }

  function become(next: User | null): void {
    if (user !== undefined && JSON.stringify(next) === JSON.stringify(user)) return;
    user = next;
    queueMicrotask(() => onChange(next));
  }

  function plan(delay: number): void {
    callOff();
    callOff = platform.later(Math.min(Math.ceil(Math.max(delay, 0)), LONGEST_TIMER), () => check());
  }

  /** Renews if it is time: timers are late after sleep, so waking looks too. */
  function check(deaf = false): void {
    if ((user === null && !deaf) || !platform.visible()) return;
    const early = held ? held.renewAt - ageOf(held, platform) : 0;
    if (early > 0 && !deaf) plan(early);
    else refresh().catch(() => {});
  }

  function refresh(): Promise<HeldToken> {
    refreshing ??= renew().finally(() => {
      refreshing = undefined;
    });
    return refreshing;
  }

  async function renew(): Promise<HeldToken> {
    if (refusal && platform.monotonic() < refusal.until) throw refusal.error;
    const before = { told, text: held?.text };
    try {
      const token = await platform.exclusively(name, async () => {
        // What another tab got while this one waited for its turn serves here too, unless it is old:
        // a tab that was frozen hears all that was said meanwhile.
        const serves = !held || (held.text !== before.text && isUsable(held, platform));
        return told !== before.told && serves ? held : obtain('refresh', {});
      });
      if (token) return token;
    } catch (error) {
      if (user !== null) tryLater(error as KeyturnError);
      throw error;
    }
    throw nobody();
  }

  /** No answer is no logout. */
  function tryLater(error: KeyturnError): void {
    const asked = (error.retryAfter ?? 0) * 1_000;
    const backOff = Math.min(BACK_OFF.first * 2 ** failures++, BACK_OFF.longest);
    refusal = { error, until: platform.monotonic() + asked };
    plan(Math.max(asked, backOff * (1 + Math.random() / 2)));
  }

  /**
   * Posts while no other tab does; undefined where the answer signs nobody in.
   * @param again how long is left for a second call, whose answer counts whatever is told meanwhile
   */
  async function obtain(
    call: Call,
    body: object,
    again?: AbortSignal,
  ): Promise<HeldToken | undefined> {
    const signal = again ?? patience();
    const askedAt = platform.wall();
    const expired = held && ageOf(held, platform) >= held.sessionLifetime;
    const before = told;
    // Hosted pages, and tabs without Web Locks, log in and out meanwhile: Keyturn knows who was last.
    const doubtful = (id?: string) =>
      call === 'refresh' && !again && told !== before && user?.id !== id;
    let answer: Awaited<ReturnType<typeof post>>;
    try {
      answer = await post(platform, issuer, { call, body, signal });
    } catch (error) {
      if (call !== 'refresh' || !isRefusal(error)) throw error;
      if (doubtful()) return obtain(call, body, signal);
      endBy(reasonOf(error, expired));
      throw error;
    }
    if (!answer) return undefined;
    const news: TokenNews = {
      text: answer.access_token,
      lifetime: answer.expires_in * 1_000,
      sessionLifetime: answer.refresh_expires_in * 1_000,
      askedAt,
    };
    if (doubtful(holdToken(news, platform).user.id)) return obtain(call, body, signal);
    const token = hold(news);
    tell(news);
    return token;
  }

  function endBy(reason: SignedOutReason): void {
    tell({ over: reason });
    end(reason);
  }

  function reasonOf(error: KeyturnError, expired: boolean | undefined): SignedOutReason {
    if (error.code === 'refresh_token_reused') return 'stolen';
    if (!user) return 'none';
    return expired ? 'expired' : 'session_ended';
  }

  platform.onWake(check);
  refresh().catch(() => {});

  return {
    user: () => user,
    async accessToken() {
      if (!held || !isUsable(held, platform)) {
        if (user === null) throw nobody();
        return (await refresh()).text;
      }
      const { text } = held;
      if (failures === 0 && ageOf(held, platform) >= held.renewAt) refresh().catch(() => {});
      return text;
    },
    async replace(refused) {
      if (held && held.text !== refused) return held.text;
      if (user === null) throw nobody();
      return (await refresh()).text;
    },
    enter: (call, body) =>
      platform.exclusively(name, async () => {
        const token = await obtain(call, { ...body, delivery: 'cookie' });
        return token?.user ?? null;
      }),
    leave: () =>
      platform.exclusively(name, async () => {
        await post(platform, issuer, { call: 'logout', body: {}, signal: patience() });
        endBy('signed_out');
      }),
  };
}

const nobody = (): KeyturnError =>
  new KeyturnError(401, { code: 'invalid_refresh_token', detail: 'Nobody is signed in.' });

/** Whether Keyturn itself says that the session is over: a proxy may answer 401 as well. */
const isRefusal = (error: unknown): error is KeyturnError =>
  error instanceof KeyturnError &&
  error.status === 401 &&
  ['invalid_refresh_token', 'refresh_token_reused'].includes(error.code);
