import { isIPv6 } from 'node:net';
import { Secret } from '../kit/secret.ts';
import { isLoopback } from './origins.ts';
import { quote, Refusal } from './source.ts';

const HOST_NAME = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?$/i;
const ADDRESS = /^(?:[^<>\p{Cc}]*<[^\s<>@]+@[^\s<>@]+>|[^\s<>@]+@[^\s<>@]+)$/u;
const DATABASE =
  /^postgres(?:ql)?:\/\/(?:([^@/?#\s]*)@)?([^@/?#\s]*)(?:\/([^/?#\s]*))?(?:\?([^#\s]*))?$/;
const DATABASE_HOST = /^(?:\[[0-9a-f:.]+\]|[a-z0-9._%-]+)(?::(\d{1,5}))?$/i;

/** A host name or address to listen on, without scheme or port. Throws a `Refusal`. */
export function parseHost(text: string): string {
  if (!HOST_NAME.test(text) && !isIPv6(text)) {
    throw new Refusal(`${quote(text)} is not a host name or an IP address`);
  }
  return text;
}

/** Whether percent signs in a URL's part mean what they must. */
function decodes(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** What a password with one of these signs makes of a URL is no URL, or another one. */
const ESCAPES = 'in a password, write @ : / ? # and % as %40 %3A %2F %3F %23 %25';

/**
 * A PostgreSQL URL, with one host or several separated by commas (`h1:5432,h2:5432`), which the
 * URL standard cannot read. Throws a `Refusal` that shows nothing of it.
 */
export function parseDatabaseUrl(text: string): Secret<string> {
  if (!/^postgres(ql)?:\/\//.test(text)) {
    throw new Refusal('does not start with postgres:// or postgresql://');
  }
  const [, user = '', hosts = '', , query = ''] = DATABASE.exec(text) ?? [];
  const socket = hosts === '' && new URLSearchParams(query).has('host');
  if (!DATABASE.test(text) || (hosts === '' && !socket)) {
    throw new Refusal(`is not of the form postgres://user:password@host:port/database; ${ESCAPES}`);
  }
  if (!decodes(user)) throw new Refusal('has a % that is not followed by two digits: write %25');
  for (const host of socket ? [] : hosts.split(',')) {
    const match = DATABASE_HOST.exec(host);
    const port = Number(match?.[1] ?? 5432);
    if (!match || port < 1 || port > 65_535) {
      throw new Refusal('has a host or port that cannot be read');
    }
  }
  return new Secret(text);
}

/** What in the URL of a database decides about TLS, one way or the other. */
const TLS_OPTIONS = ['sslmode', 'ssl', 'sslcert', 'sslkey', 'sslrootcert'];

/** The other machines that a database's URL leads to without a word about TLS: `pg` uses none then. */
export function hostsInClear(url: Secret<string>): readonly string[] {
  const [, , authority = '', , query = ''] = DATABASE.exec(url.reveal()) ?? [];
  const options = new URLSearchParams(query);
  // What is set to nothing says nothing.
  if (TLS_OPTIONS.some((name) => options.get(name))) return [];
  if (options.get('sslnegotiation') === 'direct') return [];
  // As `pg` reads it: a host among the options wins, and a directory is that of a Unix socket.
  const named = options.getAll('host').at(-1);
  const hosts = named ? [named] : authority.split(',').map((host) => host.replace(/:\d+$/, ''));
  return hosts
    .map((host) => (decodes(host) ? decodeURIComponent(host) : host))
    .filter((host) => !host.startsWith('/') && !isLoopback(host.toLowerCase()));
}

/** What may follow the `?` of a mail server's URL. */
const SMTP_OPTION = /^(?:requireTLS|tls\.rejectUnauthorized)=(?:true|false)$/;

/** A mail server's URL. Throws a `Refusal` that shows nothing of it. */
export function parseSmtpUrl(text: string): Secret<string> {
  const url = URL.parse(text);
  if (!url || (url.protocol !== 'smtp:' && url.protocol !== 'smtps:') || url.hostname === '') {
    throw new Refusal(`is not of the form smtp://user:password@host:port or smtps://…; ${ESCAPES}`);
  }
  if (!decodes(url.username) || !decodes(url.password)) {
    throw new Refusal('has a % that is not followed by two digits: write %25');
  }
  const options = [...url.searchParams].map(([name, value]) => `${name}=${value}`);
  if (!options.every((option) => SMTP_OPTION.test(option))) {
    throw new Refusal(
      `may end in ?requireTLS=true or ?tls.rejectUnauthorized=false, nothing else; ${ESCAPES}`,
    );
  }
  if ((url.pathname !== '' && url.pathname !== '/') || url.hash !== '') {
    throw new Refusal(`has something after host and port that is not read; ${ESCAPES}`);
  }
  if (url.username === '' && url.password !== '') throw new Refusal('has a password but no user');
  return new Secret(text);
}

/** A sender: `id@example.com` or `Name <id@example.com>`. Throws a `Refusal`. */
export function parseSender(text: string): string {
  if (!ADDRESS.test(text)) {
    throw new Refusal(`${quote(text)} is not a mail address, with or without a name before <…>`);
  }
  return text;
}

/** Key-encryption keys, comma-separated, each 32 bytes in base64url. Throws a `Refusal`. */
export function parseKeyText(text: string): Secret<string> {
  const keys = text.split(',').map((key) => key.trim());
  const bad = keys.findIndex((key) => {
    const bytes = Buffer.from(key, 'base64url');
    return bytes.length !== 32 || bytes.toString('base64url') !== key;
  });
  if (bad >= 0) {
    const which = keys.length > 1 ? `its key number ${bad + 1} ` : '';
    throw new Refusal(`${which}is not 32 bytes in base64url (43 characters)`);
  }
  return new Secret(keys.join(','));
}
