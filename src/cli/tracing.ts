import type { Config } from '../config.ts';
import type { Clock } from '../kit/clock.ts';
import type { Logger } from '../kit/log.ts';
import { VERSION } from '../kit/version.ts';

/** Starts tracing; what it takes is loaded only now. */
export async function openTracing(
  { url, headers, resource, sampling }: NonNullable<Config['tracing']>,
  { log, clock }: { readonly log: Logger; readonly clock: Clock },
) {
  const [{ createTracer }, { createOtlpExporter }] = await Promise.all([
    import('../kit/tracer.ts'),
    import('../kit/otlp.ts'),
  ]);
  const exporter = createOtlpExporter({ url, headers, resource, version: VERSION, log });
  const tracer = createTracer({ clock, sampling, emit: exporter.add });
  log.info({ url }, 'traces are exported');
  return { tracer, close: exporter.close };
}
