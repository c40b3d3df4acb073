import { Secret } from '../kit/secret.ts';
import { isPlain, parseHttpUrl } from './origins.ts';
import { quote, Refusal, type Source } from './source.ts';

/** Where traces go, by OpenTelemetry's standard variables. */
export interface Tracing {
  /** The collector's address for traces. */
  readonly url: string;
  readonly headers: Secret<Readonly<Record<string, string>>>;
  /** `service.name` and more. */
  readonly resource: Readonly<Record<string, string>>;
  /** Which traces are kept: as the caller decided where `parentBased`, else this share. */
  readonly sampling: { readonly parentBased: boolean; readonly ratio: number };
}

const DEFAULT_COLLECTOR = 'http://localhost:4318';
const SAMPLERS = [
  ...(['always_on', 'always_off', 'traceidratio'] as const),
  ...(['parentbased_always_on', 'parentbased_always_off', 'parentbased_traceidratio'] as const),
];
/** Printable ASCII, as HTTP and the W3C's Baggage want it. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i;

/** Reads where traces go; undefined where nobody asks for any. */
export function readTracing(source: Source): Tracing | undefined {
  const own = source.parsed(
    'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
    (text) => parseHttpUrl(text).href,
  );
  const shared = source.parsed('OTEL_EXPORTER_OTLP_ENDPOINT', (text) => parseHttpUrl(text).href);
  const headers = {
    ...source.parsed('OTEL_EXPORTER_OTLP_HEADERS', parsePairs),
    ...source.parsed('OTEL_EXPORTER_OTLP_TRACES_HEADERS', parsePairs),
  };
  const service = source.parsed('OTEL_SERVICE_NAME', parseService);
  const resource = {
    'service.name': 'keyturn',
    ...source.parsed('OTEL_RESOURCE_ATTRIBUTES', parsePairs),
    ...(service && { 'service.name': service }),
  };
  const sampling = readSampling(source);
  const exporter = source.parsed('OTEL_TRACES_EXPORTER', parseExporter);
  const disabled = source.choice('OTEL_SDK_DISABLED', ['false', 'true']) === 'true';
  refuseGrpc(source);
  if (!(own ?? shared ?? exporter) || exporter === 'none' || disabled) return undefined;
  const url = own ?? `${(shared ?? DEFAULT_COLLECTOR).replace(/\/$/, '')}/v1/traces`;
  if (isPlain(url) && Object.keys(headers).length > 0) {
    source.warn('OTEL_EXPORTER_OTLP_HEADERS', 'whoever is on the way reads headers over http');
  }
  return { url, headers: new Secret(headers), resource, sampling };
}

function readSampling(source: Source): Tracing['sampling'] {
  const sampler = source.choice('OTEL_TRACES_SAMPLER', SAMPLERS);
  const share = source.parsed('OTEL_TRACES_SAMPLER_ARG', parseShare) ?? 1;
  const kind = sampler.replace('parentbased_', '');
  const ratio = { always_on: 1, always_off: 0 }[kind] ?? share;
  return { parentBased: sampler !== kind, ratio };
}

function refuseGrpc(source: Source): void {
  const protocol = source.choice('OTEL_EXPORTER_OTLP_PROTOCOL', [
    ...(['http/json', 'http/protobuf', 'grpc'] as const),
  ]);
  if (protocol === 'grpc') {
    source.fault(
      'OTEL_EXPORTER_OTLP_PROTOCOL',
      'grpc is not spoken here: collectors take HTTP too',
    );
  } else if (protocol === 'http/protobuf') {
    source.warn('OTEL_EXPORTER_OTLP_PROTOCOL', 'traces are sent as http/json all the same');
  }
}

function parseExporter(text: string): 'otlp' | 'none' {
  if (text !== 'otlp' && text !== 'none') throw new Refusal(`${quote(text)} is none of otlp, none`);
  return text;
}

function parseService(text: string): string {
  if (text.length > 255 || /\p{Cc}/u.test(text)) {
    throw new Refusal('must have at most 255 characters, none of them control characters');
  }
  return text;
}

function parseShare(text: string): number {
  const share = Number(text);
  if (!/^[01](\.\d+)?$/.test(text) || share > 1) {
    throw new Refusal(`${quote(text)} is not a number from 0 to 1`);
  }
  return share;
}

/** `name=value,name=value`, values percent-encoded. Throws a `Refusal` that shows nothing of it. */
function parsePairs(text: string): Readonly<Record<string, string>> {
  const pairs = text.split(',').map((pair) => {
    const [, name = '', value = ''] = /^([^=]*)=(.*)$/.exec(pair.trim()) ?? [];
    if (!TOKEN.test(name)) throw new Refusal('is not of the form name=value,name=value');
    return [name, decoded(value.trim())] as const;
  });
  return Object.fromEntries(pairs);
}

function decoded(value: string): string {
  try {
    const text = decodeURIComponent(value);
    if (/^[\x20-\x7e\xa0-\xff]*$/.test(text)) return text;
  } catch {
    // Told below, like a value that no header can carry.
  }
  throw new Refusal('has a value that cannot be read: write it percent-encoded');
}
