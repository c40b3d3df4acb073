import { isIPv4 } from 'node:net';
import { quote, Refusal } from './source.ts';

/** The text in quotes, unless it may hold a password. */
const shown = (text: string): string => (text.includes('@') ? 'the value' : quote(text));

/** A URL over http or https without a user name, password or fragment. Throws a `Refusal`. */
export function parseHttpUrl(text: string): URL {
  const url = URL.parse(text);
  if (!url) throw new Refusal(`${shown(text)} is not a URL`);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new Refusal(`${shown(text)} does not start with http:// or https://`);
  }
  if (url.username || url.password) throw new Refusal('must not hold a user name or password');
  if (text.includes('#')) throw new Refusal(`${shown(text)} has a fragment`);
  if (!/^(?:\[[0-9a-f:.]+\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)$/.test(url.hostname)) {
    throw new Refusal(`${shown(text)} has no host that one could call`);
  }
  return url;
}

/**
 * An origin exactly as the URL standard and browsers write it: scheme and host in lower case, no
 * default port, no path, not even a slash. Throws a `Refusal` that suggests the right form.
 */
export function parseOrigin(text: string): string {
  const url = parseHttpUrl(text);
  if (text === url.origin) return text;
  if (url.pathname !== '/' || /[/?]$/.test(text) || url.search) {
    throw new Refusal(
      `${quote(text)} is more than an origin: no path, no slash at the end`,
      url.origin,
    );
  }
  throw new Refusal(`${quote(text)} is not written in its normal form`, url.origin);
}

/** Comma-separated origins, each once. Throws a `Refusal` for the first bad one. */
export function parseOrigins(text: string): readonly string[] {
  const entries = text.split(',').map((entry) => entry.trim());
  return [...new Set(entries.filter((entry) => entry !== '').map(parseEntry))];
}

function parseEntry(entry: string): string {
  if (entry === '*' || entry === 'null') {
    throw new Refusal(`${quote(entry)} would let in every site: name each origin`);
  }
  return parseOrigin(entry);
}

/** Whether a host, as `URL.hostname` or a listener's address writes it, is this machine alone. */
export function isLoopback(host: string): boolean {
  return (
    host === 'localhost' ||
    host.endsWith('.localhost') ||
    host === '[::1]' ||
    host === '::1' ||
    (isIPv4(host) && host.startsWith('127.'))
  );
}

/** Whether a URL goes in clear over a network: http to another machine. */
export function isPlain(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && !isLoopback(hostname);
}
