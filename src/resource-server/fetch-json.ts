import type { IncomingHttpHeaders } from 'node:http';
import { ask, type Outcome } from '../kit/ask.ts';
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
): Promise<{ document: unknown; headers: IncomingHttpHeaders }> {
  const { text, headers } = await fetchText(url, timeout);
  try {
    return { document: JSON.parse(text), headers };
  } catch (cause) {
    throw new JwksFault('not_json', `${url} does not answer JSON.`, cause);
  }
}

async function fetchText(url: string, timeout: Duration) {
  const outcome = await ask(url, {
    headers: { Accept: 'application/jwk-set+json, application/json' },
    timeout,
    maxBytes: MAX_BYTES,
  });
  if (outcome.kind === 'answer' && outcome.status === 200) return outcome;
  throw new JwksFault('unreachable', `${url} is unreachable: ${reasonOf(outcome)}.`);
}

function reasonOf(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'answer':
      return `it answers with status ${outcome.status}`;
    case 'too_large':
      return `its answer is larger than ${MAX_BYTES} bytes`;
    case 'too_late':
      return 'it takes too long';
    case 'nothing':
      return outcome.reason;
  }
}
