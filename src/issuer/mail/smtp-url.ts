/** How to reach a mail server. */
export interface SmtpServer {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte. */
  readonly secure: boolean;
  /** Else STARTTLS (RFC 3207): demanded, taken where it is offered, or not taken. */
  readonly starttls: 'required' | 'offered' | 'never';
  readonly rejectUnauthorized: boolean;
  readonly auth: { readonly user: string; readonly pass: string } | undefined;
}

const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[?::1\]?)$/;

/**
 * Reads a checked `SMTP_URL`. With a server on this machine no TLS is needed, and its certificate
 * is often nobody's. To any other a password goes only over TLS; `?requireTLS=true` demands it
 * without one, and `?tls.rejectUnauthorized=false` takes any certificate.
 */
export function readSmtpUrl(text: string): SmtpServer {
  const url = new URL(text);
  const secure = url.protocol === 'smtps:';
  const user = decodeURIComponent(url.username);
  const option = (name: string) => url.searchParams.get(name);
  const here = LOOPBACK.test(url.hostname);
  const required = option('requireTLS') === 'true' || (user !== '' && !here);
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port) || (secure ? 465 : 587),
    secure,
    starttls: required ? 'required' : here ? 'never' : 'offered',
    rejectUnauthorized: option('tls.rejectUnauthorized') !== 'false',
    auth: user === '' ? undefined : { user, pass: decodeURIComponent(url.password) },
  };
}
