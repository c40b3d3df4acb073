import type { Duration } from '../kit/duration.ts';
import { JwksFault } from './jwks-fault.ts';

/** No JWKS or metadata comes near it. */
const MAX_BYTES = 256 * 1024;

/**
 * Fetches a JSON document. Redirects are not followed: they would let whoever answers choose
 * another host for the keys.
 * @throws JwksFault `unreachable` or `not_json`
 */
export async function fetchJson(url: string, timeout: Duration): Promise<unknown> {
  return (await fetchDocument(url, timeout)).document;
}

/** A JSON document and the headers that it came with; otherwise as `fetchJson`. */
export async function fetchDocument(
  url: string,
  timeout: Duration,
): Promise<{ document: unknown; headers: Headers }> {
  const { text, headers } = await fetchText(url, timeout);
  try {
    return { document: JSON.parse(text), headers };
  } catch (cause) {
    throw new JwksFault('not_json', `${url} does not answer JSON.`, cause);
  }
}

async function fetchText(url: string, timeout: Duration) {
  const unreachable = (why: string, cause?: unknown) =>
    new JwksFault('unreachable', `${url} is unreachable: ${why}.`, cause);
  try {
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { Accept: 'application/jwk-set+json, application/json' },
      // Covers the body too: an answer that trickles in is none.
      signal: AbortSignal.timeout(timeout),
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw unreachable(`it answers with status ${response.status}`);
    }
    const text = await readBounded(response, () =>
      unreachable(`its answer is larger than ${MAX_BYTES} bytes`),
    );
    return { text, headers: response.headers };
  } catch (error) {
    if (error instanceof JwksFault) throw error;
    throw unreachable(reasonOf(error), error);
  }
}

async function readBounded(response: Response, tooLarge: () => Error): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** `fetch` hides what happened in its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'it takes too long';
  const { cause } = error;
  return cause instanceof Error ? cause.message || cause.name : error.message;
}
