import { parseHost } from './connections.ts';
import { isLoopback, isPlain, parseHttpUrl, parseOrigin, parseOrigins } from './origins.ts';
import { quote, Refusal, type Role, type Source } from './source.ts';
import { VARIABLES } from './variables.ts';

const MAX_PROXIES = 16;

interface Listener {
  readonly host: string;
  readonly port: number;
}

/** What the network sees of a process. */
interface Network {
  readonly listen: Listener;
  readonly admin: Listener;
  readonly issuer: string;
  readonly audience: string;
  readonly allowedOrigins: readonly string[];
  readonly cookieSameSite: 'lax' | 'strict' | 'none';
  readonly trustProxy: number;
  readonly jwksUri: string | undefined;
}

/** Reads listeners, issuer, audience, origins, cookies, proxies and where the JWKS is. */
export function readNetwork(source: Source, production: boolean, role: Role): Network {
  const listen = readListener(source, 'HOST', 'PORT');
  const issuer = readIssuer(source, listen.port, production, role);
  return {
    listen,
    admin: readAdmin(source, listen),
    issuer,
    audience: source.parsed('AUDIENCE', parseAudience) ?? issuer,
    allowedOrigins: readOrigins(source, production),
    cookieSameSite: readSameSite(source, issuer),
    trustProxy: readTrustProxy(source, issuer),
    jwksUri: readJwksUri(source, production),
  };
}

function readListener(
  source: Source,
  host: 'HOST' | 'ADMIN_HOST',
  port: 'PORT' | 'ADMIN_PORT',
): Listener {
  return {
    host: source.parsed(host, parseHost) ?? VARIABLES[host].default,
    port: source.integer(port, 0, 65_535),
  };
}

function readAdmin(source: Source, listen: Listener): Listener {
  const admin = readListener(source, 'ADMIN_HOST', 'ADMIN_PORT');
  if (admin.port !== 0 && admin.port === listen.port && !source.faulty('PORT', 'ADMIN_PORT')) {
    source.fault('ADMIN_PORT', `${admin.port} is the public listener's PORT as well`);
  }
  if (!isLoopback(admin.host) && !source.faulty('ADMIN_HOST')) {
    source.warn(
      'ADMIN_HOST',
      `other machines reach ${quote(admin.host)}: let only the metrics collector through`,
    );
  }
  return admin;
}

function readIssuer(source: Source, port: number, production: boolean, role: Role): string {
  const unset = source.given('ISSUER_URL') === undefined;
  const own = new URL(`http://localhost:${port}`).origin;
  if (unset && role === 'resource-server') {
    source.fault('ISSUER_URL', 'is required where the resource server runs alone');
    return own;
  }
  const issuer = source.parsed('ISSUER_URL', (text) => parseIssuer(text, production)) ?? own;
  if (source.faulty('ISSUER_URL') || !production) return issuer;
  if (isLoopback(new URL(issuer).hostname)) {
    source.warn('ISSUER_URL', `in production nobody but this machine reaches ${quote(issuer)}`);
  }
  return issuer;
}

function parseIssuer(text: string, production: boolean): string {
  const { origin, host } = parseHttpUrl(text);
  if (production && isPlain(origin)) {
    throw new Refusal(`${quote(text)} is not https, which production demands`, `https://${host}`);
  }
  return parseOrigin(text);
}

function parseAudience(text: string): string {
  if (!/^[\x21-\x7e]{1,255}$/.test(text)) {
    throw new Refusal(`${quote(text)} is not 1 to 255 ASCII characters without spaces`);
  }
  return text;
}

function readOrigins(source: Source, production: boolean): readonly string[] {
  const origins = source.parsed('ALLOWED_ORIGINS', parseOrigins) ?? [];
  const plain = origins.filter(isPlain);
  if (production && plain.length > 0) {
    source.warn('ALLOWED_ORIGINS', `not https: ${plain.map(quote).join(', ')}`);
  }
  return origins;
}

function readSameSite(source: Source, issuer: string): 'lax' | 'strict' | 'none' {
  const sameSite = source.choice('COOKIE_SAMESITE', ['lax', 'strict', 'none']);
  if (sameSite === 'none' && !issuer.startsWith('https:') && !source.faulty('ISSUER_URL')) {
    source.fault('COOKIE_SAMESITE', 'none needs an https ISSUER_URL');
  }
  return sameSite;
}

function readTrustProxy(source: Source, issuer: string): number {
  const hops = source.integer('TRUST_PROXY', 0, MAX_PROXIES);
  if (hops === 0 && issuer.startsWith('https:') && !source.faulty('TRUST_PROXY')) {
    source.warn(
      'TRUST_PROXY',
      'ISSUER_URL is https, so a proxy stands in front; with 0 every client has its address, ' +
        'and rate limits and logs cannot tell them apart',
    );
  }
  return hops;
}

function readJwksUri(source: Source, production: boolean): string | undefined {
  const uri = source.parsed('JWKS_URI', (text) => parseHttpUrl(text).href);
  if (production && uri !== undefined && isPlain(uri)) {
    source.warn('JWKS_URI', 'whoever is on the way can exchange keys that come over http');
  }
  return uri;
}
