import type { Platform } from './platform.ts';

/** Who is signed in, as the access token says. */
export interface User {
  /** A UUID; the `sub` of access tokens. */
  readonly id: string;
  readonly email: string;
  readonly email_verified: boolean;
  readonly name: string;
}

/** A token response (RFC 6749 section 5.1) whose refresh token went into the cookie. */
export interface TokenAnswer {
  readonly access_token: string;
  /** Seconds. */
  readonly expires_in: number;
  /** Seconds. */
  readonly refresh_expires_in: number;
}

/** Whether an answer is a token response to tell time by: anybody may have answered. */
export const isTokenAnswer = (answer: unknown): answer is TokenAnswer => {
  const { access_token, expires_in, refresh_expires_in } = (answer ?? {}) as Partial<TokenAnswer>;
  return (
    /^[\w-]+\.[\w-]+\.[\w-]+$/.test(String(access_token)) &&
    Number(expires_in) > 0 &&
    // In the last second of a session there is none left.
    Number(refresh_expires_in) >= 0
  );
};

/** An access token as tabs tell each other of it; lengths in milliseconds. */
export interface TokenNews {
  readonly text: string;
  readonly lifetime: number;
  /** How long the session lasts without another refresh. */
  readonly sessionLifetime: number;
  /** When it was asked for, by the wall clock, which all tabs share. */
  readonly askedAt: number;
}

/** An access token in this tab's memory, the only place where one is ever kept. */
export interface HeldToken extends TokenNews {
  readonly user: User;
  /** When it was asked for, by this tab's monotonic clock. */
  readonly askedAtMonotonic: number;
  /** At which age it is renewed: before its expiry, and not in every tab at once. */
  readonly renewAt: number;
}

const MINUTE = 60_000;

/** Takes a token of the server's or of another tab's into memory. */
export function holdToken(news: TokenNews, platform: Platform): HeldToken {
  const { text, lifetime, askedAt } = news;
  const since = Math.max(0, platform.wall() - askedAt);
  const margin = Math.min(MINUTE, lifetime / 5) * (1 + Math.random() / 2);
  return {
    ...news,
    user: userOf(text),
    askedAtMonotonic: platform.monotonic() - since,
    renewAt: lifetime - margin,
  };
}

/**
 * How old a token is: by the clock that says more. One stands still in sleep, the other may have
 * been set back; when both mislead, a 401 tells.
 */
export const ageOf = (token: HeldToken, platform: Platform): number =>
  Math.max(platform.monotonic() - token.askedAtMonotonic, platform.wall() - token.askedAt);

/** Whether a token will still be good when a request arrives. */
export const isUsable = (token: HeldToken, platform: Platform): boolean =>
  ageOf(token, platform) < token.lifetime - Math.min(MINUTE / 6, token.lifetime / 10);

/** The claims of an access token (RFC 9068), unverified: it came from the issuer itself. */
function userOf(text: string): User {
  const base64 = text.split('.')[1]?.replaceAll('-', '+').replaceAll('_', '/') ?? '';
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const { sub, email, email_verified, name } = JSON.parse(new TextDecoder().decode(bytes));
  return { id: sub, email, email_verified, name };
}
