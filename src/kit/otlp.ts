import { ask, type Outcome } from './ask.ts';
import { seconds } from './duration.ts';
import type { Logger } from './log.ts';
import type { Secret } from './secret.ts';
import type { Span } from './tracer.ts';

/** Where spans go, and whose they are. */
export interface OtlpOptions {
  /** The collector's address for traces. */
  readonly url: string;
  /** Sent with each request; they may carry credentials. */
  readonly headers: Secret<Readonly<Record<string, string>>>;
  /** What describes this process: `service.name` and more. */
  readonly resource: Readonly<Record<string, string>>;
  readonly version: string;
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

/** Sends spans in batches, off the way of requests. */
export interface SpanExporter {
  /** Takes a span; one that finds the queue full is dropped. */
  add(span: Span): void;
  /** Sends what waits, as far as the collector takes it. */
  close(): Promise<void>;
}

const MAX_WAITING = 2048;
const MAX_BATCH = 512;
const PAUSE_MS = 2000;
const TIMEOUT = seconds(5);
/** Nothing of what a collector says is used. */
const MAX_ANSWER = 64 * 1024;
const KINDS = { internal: 1, server: 2, client: 3 };
const FAILED = 2;

/**
 * Makes an exporter by OTLP over HTTP, in JSON. Written here since it is one request, and
 * OpenTelemetry's own packages would double what Keyturn installs.
 */
export function createOtlpExporter(options: OtlpOptions): SpanExporter {
  const { url, log } = options;
  let waiting: Span[] = [];
  let timer: NodeJS.Timeout | undefined;
  let sending: Promise<void> | undefined;
  let failing = false;
  let closing = false;

  async function send(batch: readonly Span[]): Promise<void> {
    const outcome = await ask(url, {
      headers: { ...options.headers.reveal(), 'Content-Type': 'application/json' },
      body: JSON.stringify(render(options, batch)),
      timeout: TIMEOUT,
      maxBytes: MAX_ANSWER,
    });
    const reason = faultOf(outcome);
    // One line an outage. The batch is lost: traces are not worth the memory to keep them.
    if (reason !== undefined && !failing) log.warn({ reason }, 'traces cannot be exported');
    if (reason === undefined && failing) log.info('traces are exported again');
    failing = reason !== undefined;
  }

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    // One at a time: behind a collector that is slow the rest waits where there is a limit to it.
    if (sending || waiting.length === 0) return;
    const batch = waiting.slice(0, MAX_BATCH);
    waiting = waiting.slice(MAX_BATCH);
    sending = send(batch).then(() => {
      sending = undefined;
      if (closing) return;
      if (waiting.length >= MAX_BATCH) flush();
      else if (waiting.length > 0) schedule();
    });
  }

  function schedule(): void {
    timer ??= setTimeout(flush, PAUSE_MS).unref();
  }

  return {
    add(span) {
      if (waiting.length >= MAX_WAITING) return;
      waiting.push(span);
      if (waiting.length >= MAX_BATCH) flush();
      else schedule();
    },
    async close() {
      closing = true;
      do {
        flush();
        await sending;
        // Who took no batch takes no other in the moment that is left.
      } while (waiting.length > 0 && !failing);
      clearTimeout(timer);
    },
  };
}

/** Why a batch did not arrive; undefined when it did. */
function faultOf(outcome: Outcome): string | undefined {
  switch (outcome.kind) {
    case 'answer': {
      const { status } = outcome;
      return status >= 200 && status < 300 ? undefined : `the collector answers ${status}`;
    }
    case 'too_large':
      return undefined;
    case 'too_late':
      return `the collector does not answer within ${TIMEOUT / 1000} s`;
    case 'nothing':
      return outcome.reason;
  }
}

/** An ExportTraceServiceRequest in the JSON encoding of OTLP. */
function render({ resource, version }: OtlpOptions, spans: readonly Span[]): object {
  return {
    resourceSpans: [
      {
        resource: { attributes: attributes(resource) },
        scopeSpans: [{ scope: { name: 'keyturn', version }, spans: spans.map(renderSpan) }],
      },
    ],
  };
}

const renderSpan = (span: Span): object => ({
  traceId: span.traceId,
  spanId: span.spanId,
  ...(span.parentSpanId && { parentSpanId: span.parentSpanId }),
  name: span.name,
  kind: KINDS[span.kind],
  startTimeUnixNano: nanoseconds(span.start),
  endTimeUnixNano: nanoseconds(span.end),
  attributes: attributes(span.attributes),
  status: span.failed ? { code: FAILED } : {},
});

const nanoseconds = (milliseconds: number): string =>
  String(BigInt(Math.round(milliseconds * 1000)) * 1000n);

const attributes = (values: Readonly<Record<string, string | number>>): object[] =>
  Object.entries(values).map(([key, value]) => ({
    key,
    value: typeof value === 'string' ? { stringValue: value } : { intValue: String(value) },
  }));
