import type Koa from 'koa';
import type { EdgeContext } from './context.ts';

/**
 * The headers that every answer carries, errors included, as a flat list of names and values.
 * Strict-Transport-Security only on an https issuer: over http browsers ignore it (RFC 6797).
 */
export function securityHeaders(issuer: string): readonly string[] {
  const headers = [
    'X-Content-Type-Options',
    'nosniff',
    // `no-referrer` would make browsers send `Origin: null` with forms.
    'Referrer-Policy',
    'same-origin',
    'Content-Security-Policy',
    "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    'Cross-Origin-Opener-Policy',
    'same-origin',
  ];
  if (issuer.startsWith('https:')) {
    headers.push('Strict-Transport-Security', 'max-age=31536000; includeSubDomains');
  }
  return headers;
}

/** Sets the security headers and `no-store` before anything else; a route may replace them. */
export function setSecurityHeaders(issuer: string): Koa.Middleware<EdgeContext['state'], object> {
  const headers = [
    ...securityHeaders(issuer),
    'Cross-Origin-Resource-Policy',
    'same-origin',
    'Cache-Control',
    'no-store',
  ];
  return ({ res }, next) => {
    for (let i = 0; i < headers.length; i += 2) {
      res.setHeader(headers[i] ?? '', headers[i + 1] ?? '');
    }
    return next();
  };
}
