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
  const timeout = AbortSignal.timeout(TIMEOUT);
  try {
    const response = await fetch(url, {
      redirect: 'manual',
      headers: {
        Accept: 'application/jwk-set+json, application/json',
        'User-Agent': 'keyturn-self-check',
      },
      signal: signal ? AbortSignal.any([timeout, signal]) : timeout,
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      return nothing('unreachable', `answers with status ${response.status}`);
    }
    const text = await readBounded(response);
    if (text === undefined) return nothing('not_json', `answers more than ${MAX_BYTES} bytes`);
    const keys = readKeys(text);
    if (!keys) return nothing('not_json', 'answers no JWK Set');
    return { kind: 'jwks', ...readHeaders(response.headers), keys };
  } catch (error) {
    return nothing('unreachable', reasonOf(error));
  }
}

const nothing = (code: 'unreachable' | 'not_json', reason: string): Sight => ({
  kind: 'nothing',
  code,
  reason,
});

async function readBounded(response: Response): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop early cancels the rest.
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

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

function readHeaders(headers: Headers) {
  const [contentType = ''] = (headers.get('Content-Type') ?? '').split(';');
  const [, maxAge] = /(?:^|[\s,])max-age="?(\d+)/i.exec(headers.get('Cache-Control') ?? '') ?? [];
  const age = /^\d+$/.exec(headers.get('Age') ?? '')?.[0];
  return {
    contentType: contentType.trim().toLowerCase(),
    age: seconds(Number(age ?? 0)),
    maxAge: maxAge === undefined ? undefined : seconds(Number(maxAge)),
  };
}

/** `fetch` hides what happened in its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return `is unreachable: ${String(error)}`;
  if (error.name === 'TimeoutError') return `does not answer within ${TIMEOUT / 1000} s`;
  const { cause } = error as { cause?: Error & { code?: string } };
  return `is unreachable: ${cause?.message || cause?.code || error.message}`;
}
