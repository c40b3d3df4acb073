import type { IncomingHttpHeaders } from 'node:http';
import { type Answer, ask } from '../../kit/ask.ts';
import { seconds } from '../../kit/duration.ts';
import type { SeenKey, Sight } from './visibility.ts';

/** Where the world finds an issuer's JWKS. */
export const jwksUrl = (issuer: string): string => `${issuer}/.well-known/jwks.json`;

const TIMEOUT = seconds(5);
const MAX_BYTES = 256 * 1024;

/**
 * Fetches a JWKS as a verifier would, through whatever proxies and caches there are. Never throws;
 * follows no redirect, since many verifiers follow none.
 */
export async function lookAt(url: string, signal?: AbortSignal): Promise<Sight> {
  const outcome = await ask(url, {
    headers: {
      Accept: 'application/jwk-set+json, application/json',
      'User-Agent': 'keyturn-self-check',
    },
    timeout: TIMEOUT,
    signal,
    maxBytes: MAX_BYTES,
  });
  switch (outcome.kind) {
    case 'too_large':
      return nothing('not_json', `answers more than ${MAX_BYTES} bytes`);
    case 'too_late':
      return nothing('unreachable', `does not answer within ${TIMEOUT / 1000} s`);
    case 'nothing':
      return nothing('unreachable', `is unreachable: ${outcome.reason}`);
    case 'answer':
      return read(outcome);
  }
}

function read({ status, headers, text }: Answer): Sight {
  if (status !== 200) return nothing('unreachable', `answers with status ${status}`);
  const keys = readKeys(text);
  if (!keys) return nothing('not_json', 'answers no JWK Set');
  return { kind: 'jwks', ...readHeaders(headers), keys };
}

const nothing = (code: 'unreachable' | 'not_json', reason: string): Sight => ({
  kind: 'nothing',
  code,
  reason,
});

/** The keys of a JWK Set (RFC 7517) that could be RSA keys of ours. */
function readKeys(text: string): SeenKey[] | undefined {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return undefined;
  }
  const keys = isObject(document) ? document.keys : undefined;
  if (!Array.isArray(keys)) return undefined;
  return keys.flatMap((jwk: unknown) => {
    const { kid, n, e } = isObject(jwk) ? jwk : {};
    const whole = typeof kid === 'string' && typeof n === 'string' && typeof e === 'string';
    return whole ? [{ ...(jwk as object), kid, n, e }] : [];
  });
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

function readHeaders(headers: IncomingHttpHeaders) {
  const [contentType = ''] = (headers['content-type'] ?? '').split(';');
  const [, maxAge] = /(?:^|[\s,])max-age="?(\d+)/i.exec(headers['cache-control'] ?? '') ?? [];
  const age = /^\d+$/.exec(headers.age ?? '')?.[0];
  return {
    contentType: contentType.trim().toLowerCase(),
    age: seconds(Number(age ?? 0)),
    maxAge: maxAge === undefined ? undefined : seconds(Number(maxAge)),
  };
}
