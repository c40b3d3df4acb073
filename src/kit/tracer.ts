import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import type { Clock } from './clock.ts';
import type { StepAttributes, Trace } from './trace.ts';

/** A finished piece of a trace, as OpenTelemetry has it. Times in milliseconds of Unix time. */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly kind: 'internal' | 'server' | 'client';
  readonly start: number;
  readonly end: number;
  readonly attributes: StepAttributes;
  readonly failed: boolean;
}

/** Which traces are kept: by what the caller decided where `parentBased`, else this share of all. */
export interface Sampling {
  readonly parentBased: boolean;
  /** From 0 to 1. */
  readonly ratio: number;
}

/** What a tracer needs. */
export interface TracerDeps {
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  readonly sampling: Sampling;
  /** Takes a finished span; must not throw. */
  readonly emit: (span: Span) => void;
}

/** How a request ended. */
export interface ServedRequest {
  readonly method: string;
  readonly route: string | null;
  readonly status: number;
  readonly requestId: string;
}

/** Follows requests, by objects that stand for them. */
export interface Tracer extends Trace {
  /** Serves a request; what it waits for becomes its steps. @param traceparent W3C Trace Context */
  follow(request: object, traceparent: string | undefined, serve: () => void): void;
  /** The request was answered. */
  ended(request: object, served: ServedRequest): void;
}

/** Where in which trace a piece of work stands. */
interface Place {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  /** On the monotonic clock. */
  readonly since: number;
  /** What the monotonic clock lacks to Unix time, the same throughout a request. */
  readonly epoch: number;
}

/** RFC: W3C Trace Context; versions to come may have more behind. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/;
const SAMPLED = 1;

/** Makes a tracer. */
export function createTracer({ clock, sampling, emit }: TracerDeps): Tracer {
  const current = new AsyncLocalStorage<Place>();
  const requests = new WeakMap<object, Place>();

  const inside = (parent: Place): Place => ({
    ...parent,
    spanId: newId(8),
    parentSpanId: parent.spanId,
    since: clock.monotonic(),
  });
  const finish = (place: Place, rest: Pick<Span, 'name' | 'kind' | 'attributes' | 'failed'>) => {
    const { traceId, spanId, parentSpanId, since, epoch } = place;
    const end = clock.monotonic() + epoch;
    emit({ traceId, spanId, parentSpanId, start: since + epoch, end, ...rest });
  };

  return {
    async step(name, attributes, work) {
      const parent = current.getStore();
      if (!parent) return work();
      const place = inside(parent);
      let failed = true;
      try {
        const result = await current.run(place, work);
        failed = false;
        return result;
      } finally {
        finish(place, { name, kind: 'internal', attributes, failed });
      }
    },
    past(name, attributes, milliseconds, failed) {
      const parent = current.getStore();
      if (!parent) return;
      const place = { ...inside(parent), since: clock.monotonic() - milliseconds };
      finish(place, { name, kind: 'client', attributes, failed });
    },
    follow(request, traceparent, serve) {
      const above = readTraceparent(traceparent);
      const traceId = above?.traceId ?? newId(16);
      const keep = above && sampling.parentBased ? above.sampled : isKept(traceId, sampling.ratio);
      if (!keep) {
        current.exit(serve);
        return;
      }
      const since = clock.monotonic();
      const epoch = +clock.now() - since;
      const place = { traceId, spanId: newId(8), parentSpanId: above?.spanId, since, epoch };
      requests.set(request, place);
      current.run(place, serve);
    },
    ended(request, { method, route, status, requestId }) {
      const place = requests.get(request);
      if (!place) return;
      requests.delete(request);
      finish(place, {
        name: route === null ? method : `${method} ${route}`,
        kind: 'server',
        attributes: {
          'http.request.method': method,
          'http.response.status_code': status,
          'keyturn.request_id': requestId,
          ...(route !== null && { 'http.route': route }),
        },
        failed: status >= 500,
      });
    },
  };
}

function readTraceparent(text: string | undefined) {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(text ?? '') ?? [];
  if (!traceId || !spanId || !flags || /^0+$/.test(traceId) || /^0+$/.test(spanId)) {
    return undefined;
  }
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED };
}

/** OpenTelemetry's TraceIdRatioBased: every process decides the same on the same trace. */
const isKept = (traceId: string, ratio: number): boolean =>
  Number.parseInt(traceId.slice(-13), 16) < ratio * 2 ** 52;

const newId = (bytes: number): string => randomBytes(bytes).toString('hex');
