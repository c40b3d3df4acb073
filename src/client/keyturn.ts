import { authorizedFetch } from './authorized-fetch.ts';
import { browser } from './browser.ts';
import { openSession, type SignedOutReason } from './session.ts';
import type { User } from './token.ts';

export { type FieldFault, KeyturnError } from './error.ts';
export type { SignedOutReason } from './session.ts';
export type { User } from './token.ts';

/** Where to log in, and what to do when somebody no longer is. */
export interface KeyturnOptions {
  /** The issuer's origin, as `https://id.example.com`; the page's own or one that allows it. */
  readonly issuer: string;
  /** The page to log in on, as a link on this page would name it; the issuer's own unless given. */
  readonly loginUrl?: string;
  /**
   * Called when nobody is signed in any more, in every tab, and at the start when nobody is.
   * Unless given, a session that was ended from elsewhere leads to the login page.
   */
  readonly onSignedOut?: (reason: SignedOutReason) => void;
}

/** Logging in, and calling services as who has. None of its methods needs its `this`. */
export interface Keyturn {
  /** Who is signed in; null: nobody; undefined: not known yet. The same object until it changes. */
  readonly user: User | null | undefined;
  /** Resolves once `user` is known. */
  readonly ready: Promise<User | null>;
  /** Null when the email has to be verified before logging in. @throws KeyturnError */
  register(account: { email: string; password: string; name: string }): Promise<User | null>;
  /** @throws KeyturnError `invalid_credentials`, `account_disabled`, `rate_limited`, … */
  login(credentials: { email: string; password: string }): Promise<User>;
  /** Ends the session, for every tab. @throws KeyturnError when it could not be ended */
  logout(): Promise<void>;
  /** A token that is good for now, renewed where needed. @throws KeyturnError */
  getAccessToken(): Promise<string>;
  /**
   * `fetch` with the access token: for services that may act for the user. Renews the token once
   * when it is refused. @throws KeyturnError without a session, and what `fetch` throws
   */
  fetch: typeof fetch;
  /** Calls whenever `user` changes, whichever tab changed it; what it returns ends that. */
  onChange(listener: (user: User | null) => void): () => void;
  /** Leaves for the login page, which comes back here. */
  goToLogin(reason?: SignedOutReason): void;
}

/**
 * A client of Keyturn for pages. The access token is kept in memory, the refresh token in a cookie
 * that no script can read; tabs share one session and refresh it one at a time.
 */
export function createKeyturn(options: KeyturnOptions): Keyturn {
  const platform = browser();
  const issuer = new URL(options.issuer).origin;
  const listeners = new Set<(user: User | null) => void>();
  const session = openSession({
    platform,
    issuer,
    onChange: (user) => {
      for (const listener of [...listeners]) listener(user);
    },
    onSignedOut: options.onSignedOut ?? leadToLogin,
  });

  function goToLogin(reason?: SignedOutReason): void {
    const url = new URL(options.loginUrl ?? `${issuer}/login`, platform.here());
    if (reason && reason !== 'none') url.searchParams.set('reason', reason);
    url.searchParams.set('return_to', platform.here());
    platform.goTo(url.href);
  }

  function leadToLogin(reason: SignedOutReason): void {
    if (reason !== 'none' && reason !== 'signed_out') goToLogin(reason);
  }

  const onChange: Keyturn['onChange'] = (listener) => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  };
  return {
    get user() {
      return session.user();
    },
    ready: new Promise((resolve) => {
      const off = onChange((user) => {
        off();
        resolve(user);
      });
    }),
    register: (account) => session.enter('register', account),
    login: async (credentials) => (await session.enter('login', credentials)) as User,
    logout: session.leave,
    getAccessToken: session.accessToken,
    fetch: authorizedFetch(platform, session),
    onChange,
    goToLogin,
  };
}
