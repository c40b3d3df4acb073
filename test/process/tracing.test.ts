import { expect, test } from 'vitest';
import { clientOf, PASSWORD } from '../support/client.ts';
import { DRIVERS, type TestDriver } from '../support/databases.ts';
import { freePort } from '../support/free-port.ts';
import { attributesOf, otlpReceiver } from '../support/otlp-receiver.ts';
import { type Env, logLines, siteOn, startServer } from '../support/server-process.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const CALLER = '00f067aa0ba902b7';

async function start({ create }: TestDriver, env: Env) {
  const storage = await create();
  const server = await (await startServer(await siteOn(storage, env))).ready();
  return { storage, server, client: clientOf(server) };
}

test.each(DRIVERS)(
  'a login on $name is a span with its steps, and none of its secrets',
  async (driver) => {
    const receiver = await otlpReceiver();
    const { storage, server, client } = await start(driver, {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_HEADERS: 'api-key=hunter2%20of%20the%20collector',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      OTEL_SERVICE_NAME: 'id',
    });
    const somebody = await client.register();
    const { headers } = await client
      .post(
        '/api/auth/login?token=in-the-query',
        { email: somebody.email, password: PASSWORD },
        { traceparent: `00-${TRACE}-${CALLER}-01` },
      )
      .expect(200);
    const unsampled = '11111111111111111111111111111111';
    await client.get('/healthz', { traceparent: `00-${unsampled}-${CALLER}-00` }).expect(200);
    await client.get('/readyz').expect(200);
    expect(await server.stop('SIGINT')).toMatchObject({ status: 0, stderr: '' });

    const [first] = receiver.requests;
    expect(first?.path).toBe('/v1/traces');
    expect(first?.headers).toMatchObject({
      'content-type': 'application/json',
      'api-key': 'hunter2 of the collector',
    });
    expect(receiver.resource()).toEqual({
      'service.name': 'id',
      'deployment.environment.name': 'test',
    });

    const spans = receiver.spans().filter(({ traceId }) => traceId === TRACE);
    const root = spans.find(({ parentSpanId }) => parentSpanId === CALLER);
    if (!root) throw new Error(`no span of the request: ${JSON.stringify(spans)}`);
    expect(root).toMatchObject({ name: 'POST /api/auth/login', kind: 2, status: {} });
    expect(attributesOf(root)).toEqual({
      'http.request.method': 'POST',
      'http.route': '/api/auth/login',
      'http.response.status_code': 200,
      'keyturn.request_id': headers['x-request-id'],
    });
    const steps = spans.filter((span) => span !== root);
    const names = steps.map(({ name }) => name);
    for (const name of [
      'password hash: wait',
      'password hash',
      'SELECT users',
      'INSERT sessions',
      'sign',
    ]) {
      expect(names.map((one) => one.replace(/^WITH .*/, 'INSERT sessions'))).toContain(name);
    }
    // Where nothing else is to be written a login is no transaction.
    expect(names).not.toContain('COMMIT');
    for (const step of steps) {
      expect(step.parentSpanId).toBe(root.spanId);
      expect(BigInt(step.startTimeUnixNano)).toBeGreaterThanOrEqual(
        BigInt(root.startTimeUnixNano) - 1_000_000n,
      );
      expect(BigInt(step.endTimeUnixNano)).toBeLessThanOrEqual(BigInt(root.endTimeUnixNano));
    }
    expect(receiver.spans().some(({ traceId }) => traceId === unsampled)).toBe(false);
    expect(receiver.spans().some(({ name }) => name === 'GET /readyz')).toBe(true);

    const sent = receiver.requests.map(({ body }) => body).join();
    const secrets = [PASSWORD, somebody.email, somebody.accessToken, somebody.refreshToken];
    for (const secret of [...secrets, 'in-the-query', 'hunter2'])
      expect(sent).not.toContain(secret);
    expect(server.said.stdout).not.toContain('hunter2');
    receiver.close();
    await storage.drop();
  },
);

test('a collector that is away is warned of once, and no request suffers', async () => {
  const [postgres] = DRIVERS;
  if (!postgres) throw new Error('no PostgreSQL');
  const port = await freePort();
  const { storage, server, client } = await start(postgres, {
    OTEL_TRACES_EXPORTER: 'otlp',
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `http://127.0.0.1:${port}/traces`,
  });
  // More than two batches.
  for (let i = 0; i < 60; i++) {
    await Promise.all(Array.from({ length: 20 }, () => client.get('/healthz').expect(200)));
  }
  const { status, stdout } = await server.stop('SIGINT');
  expect(status).toBe(0);
  const warnings = logLines(stdout).filter(({ msg }) => msg === 'traces cannot be exported');
  expect(warnings).toHaveLength(1);
  await storage.drop();
});
