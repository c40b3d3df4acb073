import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

/** What of an OpenAPI document tests look at. */
export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, DescribedCall>>>>;
  readonly components: {
    readonly responses: Readonly<Record<string, DescribedAnswer>>;
    readonly schemas: Readonly<Record<string, object>>;
  };
}

/** A call as the document has it. */
export interface DescribedCall {
  readonly operationId: string;
  readonly security: readonly Readonly<Record<string, unknown>>[];
  readonly requestBody?: object;
  readonly responses: Readonly<Record<string, DescribedAnswer | { readonly $ref: string }>>;
}

interface DescribedAnswer {
  readonly headers: Readonly<Record<string, unknown>>;
  readonly content?: Readonly<
    Record<string, { readonly schema: object; readonly examples?: object }>
  >;
}

/** A request; without a `Host` when `host` is false. */
export interface Sent {
  readonly token?: string | undefined;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly host?: boolean;
}

/** A response with its body, read as JSON where it is some. */
export interface Received {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  // biome-ignore lint/suspicious/noExplicitAny: what it is, the document says.
  readonly body: any;
}

const agent = new Agent({ keepAlive: true });

/** Sends a request as it is told to, however odd. */
export function send(url: string, method: string, path: string, sent: Sent): Promise<Received> {
  const { token, body, host = true } = sent;
  const text = typeof body === 'string' ? body : body && JSON.stringify(body);
  const headers = {
    ...(text !== undefined && { 'Content-Type': 'application/json' }),
    ...(text !== undefined && { 'Content-Length': String(Buffer.byteLength(String(text))) }),
    ...(token !== undefined && { Authorization: `Bearer ${token}` }),
    ...sent.headers,
  };
  return new Promise((resolve, reject) => {
    const made = request(url + path, { method, headers, agent, setHost: host }, async (res) => {
      const answer = Buffer.concat(await res.toArray()).toString();
      const type = res.headers['content-type'] ?? '';
      const read = /json/.test(type) ? JSON.parse(answer) : answer;
      resolve({ status: res.statusCode ?? 0, headers: res.headers, body: read });
    });
    made.on('error', reject).end(text);
  });
}

/** Headers that answers carry or not, whatever is documented. */
const OPTIONAL = ['Set-Cookie', 'RateLimit', 'RateLimit-Policy'];
/** Headers that nobody may send without saying so. */
const TOLD = ['ETag', 'Location', 'Retry-After', 'WWW-Authenticate', ...OPTIONAL];

/** Every call in a document: `POST /api/auth/login`, with `{id}` for what varies. */
export const callsOf = ({ paths }: OpenApi): ReadonlyMap<string, DescribedCall> =>
  new Map(
    Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, call]) => [`${method.toUpperCase()} ${path}`, call]),
    ),
  );

/** What a call may answer: `logIn 200`, `logIn 401 invalid_credentials`. */
export function answersOf(document: OpenApi): string[] {
  return [...callsOf(document).values()].flatMap(({ operationId, responses }) =>
    Object.entries(responses).flatMap(([status, answer]) => {
      const { content } = resolved(document, answer);
      const codes = content?.['application/problem+json']?.schema as
        | { properties: { code: { enum: string[] } } }
        | undefined;
      if (!codes) return [`${operationId} ${status}`];
      return codes.properties.code.enum.map((code) => `${operationId} ${status} ${code}`);
    }),
  );
}

const resolved = ({ components }: OpenApi, answer: DescribedAnswer | { $ref: string }) =>
  '$ref' in answer
    ? (components.responses[answer.$ref.split('/').at(-1) ?? ''] as DescribedAnswer)
    : answer;

/** Holds responses to a document, and remembers what was seen. */
export interface Conformance {
  readonly seen: Set<string>;
  /** @throws Error that says how a response is not what the document says */
  hold(call: string, received: Received): void;
}

/** Makes one that has seen nothing. */
export function conformanceTo(document: OpenApi): Conformance {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  formats.default(ajv);
  ajv.addSchema(document, 'document');
  const calls = callsOf(document);
  const seen = new Set<string>();
  return {
    seen,
    hold(call, { status, headers, body }) {
      const said = `${call} answered ${status} ${JSON.stringify(body).slice(0, 400)}`;
      const described = calls.get(call);
      const response = described?.responses[status];
      if (!described || !response) throw new Error(`${said}, which is not documented`);
      const answer = resolved(document, response);
      const faults = headerFaults(answer, headers);
      const type = String(headers['content-type'] ?? '').replace('; charset=utf-8', '');
      const media = answer.content?.[type];
      if (!media && (answer.content || body !== '')) faults.push(`it has the type ${type}`);
      if (media) {
        const pointer = pointerTo(response, call, status, type);
        const validate = ajv.getSchema(`document#${pointer}`);
        if (!validate) throw new Error(`${pointer} is not there`);
        if (!validate(body)) faults.push(ajv.errorsText(validate.errors));
      }
      if (faults.length > 0) throw new Error(`${said}: ${faults.join('; ')}`);
      const code = type === 'application/problem+json' ? ` ${body.code}` : '';
      seen.add(`${described.operationId} ${status}${code}`);
    },
  };
}

function headerFaults(answer: DescribedAnswer, headers: IncomingHttpHeaders): string[] {
  const has = (name: string) => headers[name.toLowerCase()] !== undefined;
  const documented = Object.keys(answer.headers);
  const missing = documented.filter((name) => !has(name) && !OPTIONAL.includes(name));
  const untold = TOLD.filter((name) => has(name) && !documented.includes(name));
  return [
    ...missing.map((name) => `it lacks ${name}`),
    ...untold.map((name) => `${name} is not documented`),
  ];
}

/** Where the schema of an answer stands, as a JSON pointer in a URI fragment. */
function pointerTo(
  response: DescribedAnswer | { $ref: string },
  call: string,
  status: number,
  type: string,
): string {
  const [method = '', path = ''] = call.split(' ');
  const base =
    '$ref' in response
      ? response.$ref.slice(1)
      : ['', 'paths', path, method.toLowerCase(), 'responses', String(status)]
          .map(escaped)
          .join('/');
  return `${base}/content/${escaped(type)}/schema`;
}

const escaped = (part: string): string =>
  encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));
