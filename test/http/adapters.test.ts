import { once } from 'node:events';
import { Agent } from 'node:http';
import { connect } from 'node:net';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { manualClock } from '../../src/kit/clock.ts';
import { createVerifier } from '../../src/resource-server/verifier.ts';
import { bearer } from '../support/client.ts';
import { type FakeIssuer, fakeKey, fakeToken, startFakeIssuer } from '../support/fake-issuer.ts';
import { type ProtectedService, SERVICES } from '../support/protected-services.ts';

const key = fakeKey();

describe.each(Object.entries(SERVICES))('behind %s', (_, start) => {
  let issuer: FakeIssuer;
  let service: ProtectedService;
  let token: string;
  beforeAll(async () => {
    issuer = await startFakeIssuer(key);
    const clock = manualClock();
    token = fakeToken(issuer, key, clock.now(), { scope: 'read' });
    const verify = createVerifier({ issuer: issuer.url, audience: issuer.url, clock });
    service = await start(verify);
  });
  afterAll(() => Promise.all([service.close(), issuer.close()]));

  const get = (headers: Readonly<Record<string, string>>, path = '/') =>
    request(service.url).get(path).set(headers);

  function expectRefusal(
    response: Awaited<ReturnType<typeof get>>,
    status: number,
    code: string,
    challenge: unknown,
  ) {
    expect(response.status).toBe(status);
    expect(response.headers['content-type']).toBe('application/problem+json');
    expect(response.headers['www-authenticate']).toEqual(challenge);
    expect(response.headers['cache-control']).toBe('no-store');
    const body = JSON.parse(response.text);
    expect(body).toMatchObject({ status, code, type: `urn:keyturn:error:${code}` });
    expect(body.request_id).toMatch(/./);
    expect(response.headers['x-request-id']).toBe(body.request_id);
  }

  test('without keys it is a 503 that says when to come back', async () => {
    const verify = createVerifier({ issuer: 'http://127.0.0.1:1', audience: 'x' });
    const keyless = await start(verify);
    const response = await request(keyless.url).get('/').set(bearer(token));
    await keyless.close();
    expectRefusal(response, 503, 'unavailable', undefined);
    expect(response.headers['retry-after']).toBe('1');
  });

  test('good tokens come with their claims', async () => {
    const response = await get(bearer(token));
    expect(response.status).toBe(200);
    expect(response.body).toMatchObject({ sub: 'somebody', scope: 'read', iss: issuer.url });
    expect(response.headers['content-type']).toContain('application/json');
  });

  test('without one it is a 401 that names no error', async () => {
    for (const headers of [
      {},
      { Authorization: 'Basic eDp5' },
      { Cookie: `access_token=${token}` },
    ]) {
      const response = await get(headers, `/?access_token=${token}`);
      expectRefusal(response, 401, 'token_missing', 'Bearer realm="keyturn"');
    }
  });

  test('with a bad one it is a 401 that says so', async () => {
    const challenge = expect.stringMatching(/^Bearer error="invalid_token", error_description="/);
    expectRefusal(await get(bearer('garbage')), 401, 'token_malformed', challenge);
  });

  test('two Authorization headers are a 400', async () => {
    const { hostname, port } = new URL(service.url);
    const socket = connect(Number(port), hostname);
    const line = `Authorization: Bearer ${token}`;
    socket.write(`GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${line}\r\n${line}\r\n\r\n`);
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    await once(socket, 'close');
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('"code":"invalid_request"');
  });

  test('a refused body does not spoil the connection for the next request', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const text = 'x'.repeat(100_000);
    const refused = await request(service.url)
      .post('/')
      .agent(agent)
      .set(bearer('x'))
      .send({ text });
    expect(refused.status).toBe(401);
    const response = await get(bearer(token)).agent(agent);
    agent.destroy();
    expect(response.status).toBe(200);
  });
});
