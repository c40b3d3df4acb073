/** Where people may be sent after they logged in. */
export interface ReturnPolicy {
  /** The issuer's own origin. */
  readonly issuer: string;
  readonly allowedOrigins: readonly string[];
}

/** Where those go who say nothing, or nothing good. */
export const DEFAULT_RETURN = '/account';

const MAX_LENGTH = 2048;

/**
 * Where `return_to` leads, read by the URL standard's parser as browsers do: a path for the own
 * origin, an absolute URL for an allowed one, `/account` for anything else.
 */
export function resolveReturn(text: string | undefined, policy: ReturnPolicy): string {
  if (!text || text.length > MAX_LENGTH) return DEFAULT_RETURN;
  if (!/^(?:\/|https?:)/i.test(text.trim())) return DEFAULT_RETURN;
  const url = URL.parse(text, policy.issuer);
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) return DEFAULT_RETURN;
  if (url.username || url.password) return DEFAULT_RETURN;
  if (url.origin !== policy.issuer) {
    return policy.allowedOrigins.includes(url.origin) ? url.href : DEFAULT_RETURN;
  }
  const path = url.pathname + url.search + url.hash;
  // Two slashes, read again by a browser, would begin a host.
  return path.startsWith('//') ? DEFAULT_RETURN : path;
}

/**
 * Where a page was asked to lead, for the next one: undefined where nobody asked, and what cannot
 * be gone to is not even carried along.
 */
export const askedReturn = (
  text: string | null | undefined,
  policy: ReturnPolicy,
): string | undefined =>
  text === null || text === undefined ? undefined : resolveReturn(text, policy);

/** The address of a page of ours, with where it is to lead in the end. */
export function withReturn(path: string, returnTo: string | undefined): string {
  if (returnTo === undefined) return path;
  return `${path}${path.includes('?') ? '&' : '?'}return_to=${encodeURIComponent(returnTo)}`;
}
