import type { Response } from 'supertest';
import { expect } from 'vitest';

const BEARER_CODES = new Set([
  'token_malformed',
  'token_signature_invalid',
  'token_claims_invalid',
  'token_expired',
  'session_ended',
]);

type Answer = Pick<Response, 'status' | 'headers' | 'body'>;

/**
 * Holds a refusal to the contract (RFC 9457, RFC 6750 section 3): status, code, exact members,
 * content type, request id, no-store, the challenge where one belongs, and no cookie.
 * @param paths of the field errors; absent: there are none
 */
export function expectProblem(
  response: Answer,
  status: number,
  code: string,
  paths?: readonly string[],
): void {
  const { body, headers } = response;
  expect({ status: response.status, code: body.code }).toEqual({ status, code });
  const members = ['code', 'detail', 'request_id', 'status', 'title', 'type'];
  expect(Object.keys(body).sort()).toEqual([...members, ...(paths ? ['errors'] : [])].sort());
  expect(body).toMatchObject({
    type: `urn:keyturn:error:${code}`,
    title: expect.stringMatching(/./),
    detail: expect.stringMatching(/./),
    status,
    request_id: headers['x-request-id'],
  });
  expect(body.request_id).toMatch(/./);
  expect(headers['content-type']).toBe('application/problem+json');
  expect(headers['cache-control']).toBe('no-store');
  expect(headers.vary).toContain('Origin');
  expect(headers).not.toHaveProperty('set-cookie');
  expect(headers['www-authenticate']).toEqual(challengeFor(code));
  expect('retry-after' in headers).toBe(status === 503 || status === 429);
  if (!paths) return;
  expect(body.errors.map((error: { path: string }) => error.path)).toEqual(paths);
  for (const error of body.errors) {
    expect(Object.keys(error).sort()).toEqual(['message', 'path']);
    expect(error.message).toMatch(/./);
  }
}

function challengeFor(code: string): unknown {
  if (code === 'token_missing') return 'Bearer realm="keyturn"';
  if (!BEARER_CODES.has(code)) return undefined;
  return expect.stringMatching(/^Bearer error="invalid_token", error_description="[^"\\]+"$/);
}
