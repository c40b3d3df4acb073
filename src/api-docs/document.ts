import type { z } from 'zod';
import type { Answer, Credential, Operation } from '../http/operation.ts';
import type { ErrorSpec } from '../kit/errors.ts';
import { HEADERS, headerRefs } from './headers.ts';
import { refusal, refusalName, refusalsOf } from './refusals.ts';
import { namedSchemas, schemaOf } from './schemas.ts';

/** What the document is about. */
export interface DocumentDeps {
  readonly version: string;
  /** Where the calls are: an origin, or `/` for wherever the document came from. */
  readonly server: string;
  /** Of the cookie that carries refresh tokens; undefined where there is none. */
  readonly cookieName: string | undefined;
  readonly operations: readonly Operation[];
}

/** The document by OpenAPI 3.1, ready to be written as JSON. */
export function openApiDocument({
  version,
  server,
  cookieName,
  operations,
}: DocumentDeps): Readonly<Record<string, unknown>> {
  const refusals = new Map<string, readonly ErrorSpec[]>();
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) {
    const [method = '', path = ''] = operation.call.split(' ');
    const template = path.replaceAll(/:(\w+)/g, '{$1}');
    paths[template] = { ...paths[template], [method.toLowerCase()]: describe(operation, refusals) };
  }
  const responses = [...refusals].map(([name, specs]) => [name, refusal(specs)]);
  return {
    openapi: '3.1.1',
    info: {
      title: 'Keyturn',
      version,
      license: { name: 'MIT', identifier: 'MIT' },
      description: INTRODUCTION,
    },
    servers: [{ url: server }],
    tags: [...new Set(operations.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: namedSchemas(operations),
      responses: Object.fromEntries(responses),
      headers: HEADERS,
      securitySchemes: securitySchemes(cookieName),
    },
  };
}

const INTRODUCTION = `Bodies are JSON in UTF-8, at most 64 KiB; unknown fields are refused. Every error
is \`application/problem+json\` (RFC 9457): switch on its \`code\`. Every answer carries
\`X-Request-Id\`, by which the log is searched.`;

function describe(operation: Operation, refusals: Map<string, readonly ErrorSpec[]>) {
  const { id, tag, summary, description, credentials, body, answers } = operation;
  const parameters = parametersOf(operation);
  const refused = [...refusalsOf(operation)].map(([status, specs]) => {
    const name = refusalName(specs);
    refusals.set(name, specs);
    return [status, { $ref: `#/components/responses/${name}` }] as const;
  });
  const answered = Object.entries(answers).map(([status, answer]) => [status, render(answer)]);
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    security: (credentials ?? ['nothing']).map(requirement),
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: requestBody(body) }),
    responses: Object.fromEntries([...answered, ...refused]),
  };
}

const requestBody = (schema: z.ZodType) => ({
  required: !schema.safeParse({}).success,
  content: { 'application/json': { schema: schemaOf(schema) } },
});

const render = ({ description, body, mediaType = 'application/json', headers = [] }: Answer) => ({
  description,
  headers: headerRefs(headers),
  ...(body && { content: { [mediaType]: { schema: schemaOf(body) } } }),
});

const IF_MATCH = {
  name: 'If-Match',
  in: 'header',
  description: 'Versions (`ETag`) of which one has to be the current one, or `*`.',
  schema: { type: 'string' },
};

function parametersOf({ path = {}, query, conditional }: Operation) {
  const inPath = Object.entries(path).map(([name, schema]) =>
    parameter(name, 'path', schema, true),
  );
  const inQuery = Object.entries(query?.shape ?? {}).map(([name, schema]) =>
    parameter(name, 'query', schema as z.ZodType, false),
  );
  return [...inPath, ...inQuery, ...(conditional ? [IF_MATCH] : [])];
}

function parameter(name: string, place: 'path' | 'query', of: z.ZodType, required: boolean) {
  const { description, ...schema } = schemaOf(of);
  return { name, in: place, required, ...(description !== undefined && { description }), schema };
}

const requirement = (credential: Credential) =>
  credential === 'nothing' ? {} : { [credential]: [] };

const securitySchemes = (cookieName: string | undefined) => ({
  bearer: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'An access token (RFC 6750, RFC 9068).',
  },
  ...(cookieName !== undefined && {
    refreshCookie: {
      type: 'apiKey',
      in: 'cookie',
      name: cookieName,
      description: 'A refresh token that was asked for by `"delivery": "cookie"`.',
    },
  }),
});
