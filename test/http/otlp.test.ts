import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { createOtlpExporter } from '../../src/kit/otlp.ts';
import { Secret } from '../../src/kit/secret.ts';
import type { Span } from '../../src/kit/tracer.ts';
import { recordedLog } from '../support/databases.ts';

type Sent = { resourceSpans: [{ scopeSpans: [{ spans: Record<string, unknown>[] }] }] };

/** A collector that answers as told, what it got, and an exporter to it. */
async function scene(answer: (response: ServerResponse) => unknown) {
  const batches: Record<string, unknown>[][] = [];
  let came = () => {};
  const server = createServer(async (request, response) => {
    const { resourceSpans } = (await json(request)) as Sent;
    batches.push(resourceSpans[0].scopeSpans[0].spans);
    came();
    answer(response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const log = recordedLog();
  const at = (level: 'info' | 'warn') => (fields: object | string, message?: string) =>
    typeof fields === 'string' ? log[level]({}, fields) : log[level](fields, message ?? '');
  const exporter = createOtlpExporter({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`,
    headers: new Secret({}),
    resource: {},
    version: '1',
    log: { info: at('info'), warn: at('warn') },
  });
  const add = (count: number, rest: Partial<Span> = {}) => {
    for (let i = 0; i < count; i++) exporter.add({ ...SPAN, ...rest });
  };
  const arrival = () =>
    new Promise<void>((resolve) => {
      came = resolve;
    });
  return { exporter, add, arrival, batches, log };
}

const SPAN: Span = {
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  spanId: '00f067aa0ba902b7',
  parentSpanId: undefined,
  name: 'work',
  kind: 'internal',
  start: 1000.5,
  end: 1001,
  attributes: {},
  failed: false,
};

test('all that waits is sent in batches before the end', async () => {
  const { exporter, add, batches, log } = await scene((response) => response.end());
  add(1200);
  await exporter.close();
  expect(batches.map((batch) => batch.length)).toEqual([512, 512, 176]);
  expect(log.lines).toEqual([]);
});

test('while a collector does not answer, no more waits than there is room for', async () => {
  const held = Promise.withResolvers<ServerResponse>();
  const answers: ((response: ServerResponse) => unknown)[] = [held.resolve];
  const { exporter, add, arrival, batches } = await scene((response) =>
    (answers.pop() ?? ((one) => one.end()))(response),
  );
  const arrived = arrival();
  add(512);
  await arrived;
  add(5000);
  (await held.promise).end();
  await exporter.close();
  expect(batches.flat()).toHaveLength(512 + 2048);
});

test('a collector that refuses is warned of once, and told of when it takes them again', async () => {
  let status = 503;
  const { exporter, add, batches, log } = await scene((response) => {
    response.writeHead(status).end();
    if (batches.length === 2) status = 202;
  });
  for (let i = 0; i < 3; i++) {
    add(1);
    await exporter.close();
  }
  expect(log.lines).toMatchObject([
    { level: 'warn', fields: { reason: 'the collector answers 503' } },
    { level: 'info', message: 'traces are exported again' },
  ]);
});

test('the end does not wait for one batch after another that nobody takes', async () => {
  const { exporter, add, batches } = await scene((response) => response.writeHead(503).end());
  add(2000);
  await exporter.close();
  expect(batches).toHaveLength(1);
});

test('a span says whose it is, what it took and whether it failed', async () => {
  const { exporter, add, batches } = await scene((response) => response.end());
  add(1, { kind: 'client', parentSpanId: 'aaaaaaaaaaaaaaaa', attributes: { a: 'b', n: 1 } });
  add(1, { failed: true });
  await exporter.close();
  expect(batches).toEqual([
    [
      {
        traceId: SPAN.traceId,
        spanId: SPAN.spanId,
        parentSpanId: 'aaaaaaaaaaaaaaaa',
        name: 'work',
        kind: 3,
        startTimeUnixNano: '1000500000',
        endTimeUnixNano: '1001000000',
        attributes: [
          { key: 'a', value: { stringValue: 'b' } },
          { key: 'n', value: { intValue: '1' } },
        ],
        status: {},
      },
      expect.objectContaining({ kind: 1, status: { code: 2 } }),
    ],
  ]);
  expect(batches[0]?.[1]).not.toHaveProperty('parentSpanId');
});
