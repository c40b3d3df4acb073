import { Secret } from '../kit/secret.ts';

/** One server of a connection URL. */
export interface Host {
  /** `host:port`, for the log. */
  readonly label: string;
  /** The URL with this host alone. */
  readonly url: Secret<string>;
}

const URL_PARTS = /^(postgres(?:ql)?:\/\/)((?:[^/?#]*@)?)([^/?#@]*)(.*)$/s;

/**
 * Splits `postgres://user:password@h1:5432,[::1]:5433/name?…` (libpq's form) into one URL a host.
 * The port is 5432 where none is given. Throws an Error that never repeats the URL.
 */
export function splitHosts(url: Secret<string>): readonly [Host, ...Host[]] {
  const [, scheme, credentials, authority, rest] = URL_PARTS.exec(url.reveal()) ?? [];
  if (scheme === undefined || authority === undefined) throw malformed();
  const split = (part: string): Host => {
    const one = `${scheme}${credentials}${part}${strictTls(rest ?? '')}`;
    // No host at all is a socket directory in the query, which pg reads itself.
    if (part === '' && !/[?&]host=/.test(rest ?? '')) throw malformed();
    if (part !== '' && !URL.canParse(`tcp://${part}`)) throw malformed();
    const { hostname, port } = new URL(`tcp://${part || 'localhost'}`);
    return { label: part === '' ? 'socket' : `${hostname}:${port || 5432}`, url: new Secret(one) };
  };
  const [first = '', ...others] = authority.split(',');
  return [split(first), ...others.map(split)];
}

/**
 * The server's certificate is checked, and its name, with each mode that asks for TLS: `pg` does
 * that already, and warns in each process that it may do otherwise one day. Who asks for libpq's
 * meaning of the modes gets that.
 */
const strictTls = (rest: string): string =>
  /[?&]uselibpqcompat=true(?=&|$)/.test(rest)
    ? rest
    : rest.replace(/([?&]sslmode=)(?:prefer|require|verify-ca)(?=&|$)/, '$1verify-full');

const malformed = () =>
  new Error('not a PostgreSQL URL; a good one: postgres://user:password@host:5432/name');
