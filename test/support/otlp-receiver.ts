import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** A span as it came over the wire. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly {
    readonly key: string;
    readonly value: { readonly stringValue?: string; readonly intValue?: string };
  }[];
  readonly status: { readonly code?: number };
}

/** A collector that keeps what it gets. */
export interface OtlpReceiver {
  readonly url: string;
  readonly requests: {
    readonly path: string;
    readonly headers: IncomingHttpHeaders;
    readonly body: string;
  }[];
  spans(): ReceivedSpan[];
  /** What `service.name` and the like were said to be. */
  resource(): Record<string, string | undefined>;
  close(): void;
}

/** Starts a collector that takes traces by OTLP over HTTP, in JSON. */
export async function otlpReceiver(): Promise<OtlpReceiver> {
  const requests: OtlpReceiver['requests'] = [];
  const server = createServer(async (req, res) => {
    requests.push({ path: req.url ?? '', headers: req.headers, body: await text(req) });
    res.writeHead(200, { 'Content-Type': 'application/json' }).end('{}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const parts = () => requests.flatMap(({ body }) => JSON.parse(body).resourceSpans);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    spans: () =>
      parts()
        .flatMap(({ scopeSpans }) => scopeSpans)
        .flatMap(({ spans }) => spans),
    resource: () => {
      const attributes: ReceivedSpan['attributes'] = parts()[0].resource.attributes;
      return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue]));
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** A span's attributes as they were meant. */
export const attributesOf = ({ attributes }: ReceivedSpan): Record<string, string | number> =>
  Object.fromEntries(
    attributes.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue)]),
  );
