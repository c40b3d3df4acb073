import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { summaryOf } from '../../src/db/statement-log.ts';
import { manualClock } from '../../src/kit/clock.ts';
import { milliseconds } from '../../src/kit/duration.ts';
import { createTracer, type Sampling, type Span } from '../../src/kit/tracer.ts';
import { config, faulty, warnings } from '../support/config.ts';

const served = { method: 'GET', route: '/x', status: 200, requestId: 'r-1' };

function traced(sampling: Sampling = { parentBased: true, ratio: 1 }) {
  const spans: Span[] = [];
  const clock = manualClock();
  const tracer = createTracer({ clock, sampling, emit: (span) => spans.push(span) });
  /** Serves one request. */
  const serve = async (traceparent: string | undefined, work = async () => {}) => {
    const request = {};
    let done = Promise.resolve();
    tracer.follow(request, traceparent, () => {
      done = work();
    });
    await done;
    tracer.ended(request, served);
  };
  return { spans, clock, tracer, serve };
}

const id = (length: number) =>
  fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`)).filter((text) => !/^0*$/.test(text));

describe('a tracer', () => {
  test('puts steps under the request, at the times they took', async () => {
    const { spans, clock, tracer, serve } = traced();
    await serve(undefined, () =>
      tracer.step('outer', { n: 1 }, async () => {
        clock.advance(milliseconds(10));
        await tracer.step('inner', {}, async () => clock.advance(milliseconds(5)));
        tracer.past('statement', {}, 3, true);
      }),
    );
    const byName = (name: string) => spans.find((span) => span.name === name);
    const [root, outer, inner, statement] = ['GET /x', 'outer', 'inner', 'statement'].map(byName);
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
    expect(root?.parentSpanId).toBeUndefined();
    expect(outer).toMatchObject({
      parentSpanId: root?.spanId,
      attributes: { n: 1 },
      failed: false,
    });
    expect(inner?.parentSpanId).toBe(outer?.spanId);
    expect(statement).toMatchObject({ parentSpanId: outer?.spanId, failed: true, kind: 'client' });
    const length = (span?: Span) => (span ? span.end - span.start : undefined);
    expect([root, outer, inner, statement].map(length)).toEqual([15, 15, 5, 3]);
    expect(root?.start).toBe(manualClock().now().getTime());
  });

  test('passes on what a step answers or throws, and says that it failed', async () => {
    const { spans, tracer, serve } = traced();
    await serve(undefined, async () => {
      expect(await tracer.step('good', {}, async () => 7)).toBe(7);
      await expect(tracer.step('bad', {}, () => Promise.reject(new Error('no')))).rejects.toThrow(
        'no',
      );
    });
    expect(spans.filter(({ failed }) => failed).map(({ name }) => name)).toEqual(['bad']);
  });

  test('keeps requests that run at once apart, and follows nothing outside of them', async () => {
    const { spans, tracer, serve } = traced();
    const step = (name: string) => () => tracer.step(name, {}, async () => {});
    await Promise.all([serve(undefined, step('a')), serve(undefined, step('b'))]);
    await tracer.step('none', {}, async () => {});
    tracer.past('none', {}, 1, false);
    expect(spans).toHaveLength(4);
    const [a, b] = ['a', 'b'].map((name) => spans.find((span) => span.name === name)?.traceId);
    expect(a).not.toBe(b);
  });

  test('goes on with the trace of a caller who keeps it, and leaves alone one that is not kept', () =>
    fc.assert(
      fc.asyncProperty(id(32), id(16), fc.boolean(), async (trace, span, kept) => {
        const { spans, serve } = traced();
        await serve(`00-${trace}-${span}-0${kept ? 1 : 0}`);
        expect(spans.map(({ traceId, parentSpanId }) => [traceId, parentSpanId])).toEqual(
          kept ? [[trace, span]] : [],
        );
      }),
    ));

  test.each([
    'rubbish',
    `ff-${'1'.repeat(32)}-${'1'.repeat(16)}-01`,
    `00-${'0'.repeat(32)}-${'1'.repeat(16)}-01`,
    `00-${'1'.repeat(32)}-${'0'.repeat(16)}-01`,
    `00-${'1'.repeat(32)}-${'A'.repeat(16)}-01`,
    `00-${'1'.repeat(32)}-${'1'.repeat(16)}-01x`,
  ])('begins a trace of its own for %s', async (traceparent) => {
    const { spans, serve } = traced();
    await serve(traceparent);
    expect(spans[0]?.parentSpanId).toBeUndefined();
    expect(spans[0]?.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(traceparent).not.toContain(spans[0]?.traceId);
  });

  test('keeps the share that is asked for, the same of a trace everywhere', () =>
    fc.assert(
      fc.asyncProperty(id(32), fc.double({ min: 0, max: 1, noNaN: true }), async (trace, ratio) => {
        const kept = async () => {
          const { spans, serve } = traced({ parentBased: false, ratio });
          await serve(`00-${trace}-${'1'.repeat(16)}-00`);
          return spans.length;
        };
        expect(await kept()).toBe(await kept());
      }),
    ));

  test.each([
    [1, '0'.repeat(32 - 1).concat('1'), '00', 1],
    [0, '0'.repeat(32 - 1).concat('1'), '01', 0],
    // OpenTelemetry decides by the end of the id, which is random in every kind of them.
    [0.5, 'f'.repeat(16).concat('0'.repeat(16)), '00', 1],
    [0.5, '0'.repeat(16).concat('f'.repeat(16)), '01', 0],
  ])(
    'of all traces keeps %d, whatever the caller did: %s-%s',
    async (ratio, trace, flags, kept) => {
      const { spans, serve } = traced({ parentBased: false, ratio });
      await serve(`00-${trace}-${'1'.repeat(16)}-${flags}`);
      expect(spans).toHaveLength(kept);
    },
  );

  test('takes no step of a request that is not kept for one of another', async () => {
    const { spans, tracer, serve } = traced();
    const step = (name: string) => () => tracer.step(name, {}, async () => {});
    await serve(undefined, async () => {
      await serve(`00-${'1'.repeat(32)}-${'1'.repeat(16)}-00`, step('not kept'));
      await step('kept')();
    });
    expect(spans.map(({ name }) => name)).toEqual(['kept', 'GET /x']);
  });

  test('says of a request that it failed when that was our fault, and ends it once', () => {
    const { spans, tracer } = traced();
    for (const status of [200, 404, 499, 500, 503]) {
      const request = {};
      tracer.follow(request, undefined, () => {});
      for (let i = 0; i < 2; i++) tracer.ended(request, { ...served, route: null, status });
    }
    expect(spans.map(({ failed }) => failed)).toEqual([false, false, false, true, true]);
    expect(spans[0]).toMatchObject({ name: 'GET', attributes: { 'http.request.method': 'GET' } });
    expect(spans[0]?.attributes).not.toHaveProperty('http.route');
  });

  test('a tenth is about a tenth', async () => {
    const { spans, serve } = traced({ parentBased: true, ratio: 0.1 });
    for (let i = 0; i < 2000; i++) await serve(undefined);
    expect(spans.length).toBeGreaterThan(100);
    expect(spans.length).toBeLessThan(300);
  });
});

test.each([
  ['select "id" from "users" where "email" = $1', 'SELECT users'],
  ['SELECT * FROM unnest($1::int[]) AS asked (n) JOIN todos ON id = n', 'SELECT todos'],
  [
    'WITH a AS (SELECT FROM unnest ($1), LATERAL (SELECT FROM only sessions)) UPDATE b',
    'WITH sessions',
  ],
  ['SELECT now() FROM clock()', 'SELECT'],
  ['  update only sessions set x = $1', 'UPDATE sessions'],
  ['insert into "todos" ("id") values ($1)', 'INSERT todos'],
  ['commit', 'COMMIT'],
  ['', 'SQL'],
])('%j is told as %s', (sql, summary) => {
  expect(summaryOf(sql)).toBe(summary);
});

describe("OpenTelemetry's variables", () => {
  const tracing = (env: Record<string, string>) => config(env).tracing;
  const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.example.com:4318/otlp/' };

  test('ask for traces, or do not', () => {
    expect(tracing({})).toBeUndefined();
    expect(tracing({ OTEL_SERVICE_NAME: 'id', OTEL_TRACES_SAMPLER: 'always_on' })).toBeUndefined();
    expect(tracing(ENDPOINT)?.url).toBe('https://collector.example.com:4318/otlp/v1/traces');
    expect(tracing({ OTEL_TRACES_EXPORTER: 'otlp' })?.url).toBe('http://localhost:4318/v1/traces');
    const own = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://t.example.com/x' };
    expect(tracing({ ...ENDPOINT, ...own })?.url).toBe('https://t.example.com/x');
    expect(tracing({ ...ENDPOINT, OTEL_TRACES_EXPORTER: 'none' })).toBeUndefined();
    expect(tracing({ ...ENDPOINT, OTEL_SDK_DISABLED: 'true' })).toBeUndefined();
  });

  test('choose what is kept', () => {
    const sampling = (kind: string, arg?: string) =>
      tracing({
        ...ENDPOINT,
        OTEL_TRACES_SAMPLER: kind,
        ...(arg && { OTEL_TRACES_SAMPLER_ARG: arg }),
      })?.sampling;
    expect(tracing(ENDPOINT)?.sampling).toEqual({ parentBased: true, ratio: 1 });
    expect(sampling('always_off')).toEqual({ parentBased: false, ratio: 0 });
    expect(sampling('traceidratio', '0.25')).toEqual({ parentBased: false, ratio: 0.25 });
    expect(sampling('parentbased_traceidratio', '0.5')).toEqual({ parentBased: true, ratio: 0.5 });
    expect(sampling('parentbased_always_on', '0.5')).toEqual({ parentBased: true, ratio: 1 });
  });

  test('carry headers, which are never shown', () => {
    const env = { ...ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: 'a=1, b=x%3Dy' };
    const headers = tracing({ ...env, OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'a=2' })?.headers;
    expect(headers?.reveal()).toEqual({ a: '2', b: 'x=y' });
    expect(JSON.stringify(config(env))).not.toContain('x=y');
    expect(warnings({ ...env, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c.example' })).toContain(
      'OTEL_EXPORTER_OTLP_HEADERS',
    );
  });

  test.each([
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4317'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'no pairs'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'a=%0D%0Ab'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'a=%zz'],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'],
    ['OTEL_TRACES_EXPORTER', 'zipkin'],
    ['OTEL_TRACES_SAMPLER', 'sometimes'],
    ['OTEL_TRACES_SAMPLER_ARG', '1.5'],
    ['OTEL_TRACES_SAMPLER_ARG', 'half'],
    ['OTEL_SDK_DISABLED', 'yes'],
  ])('%s=%s is refused', (name, value) => {
    expect(faulty({ [name]: value })).toEqual([name]);
  });
});
