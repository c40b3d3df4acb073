import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { openApiDocument } from '../../src/api-docs/document.ts';
import { SWAGGER_UI } from '../../src/api-docs/swagger-ui.ts';
import { HEALTH_OPERATIONS } from '../../src/http/health-operations.ts';
import type { Operation } from '../../src/http/operation.ts';
import { text } from '../../src/http/text.ts';
import { ISSUER_OPERATIONS } from '../../src/issuer/operations.ts';
import { TODO_OPERATIONS } from '../../src/resource-server/operations.ts';
import { callsOf, type OpenApi } from '../support/openapi.ts';

const ALL = [...ISSUER_OPERATIONS, ...TODO_OPERATIONS, ...HEALTH_OPERATIONS];

/** The document as it is read. */
const written = (operations: readonly Operation[], cookieName?: string) =>
  JSON.parse(
    JSON.stringify(openApiDocument({ version: '1.2.3', server: '/', cookieName, operations })),
  ) as OpenApi & { components: { securitySchemes: Record<string, { name?: string }> } };

describe('the document of the API', () => {
  test.each([
    ['the whole', ALL],
    ['the issuer', ISSUER_OPERATIONS],
    ['the resource server', TODO_OPERATIONS],
  ])('is OpenAPI 3.1: %s', async (_, operations) => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate({ ...written(operations, 'c') });
    expect({ valid, errors }).toEqual({ valid: true, errors: undefined });
    expect(validator.version).toBe('3.1');
  });

  test('is not OpenAPI when something is wrong with it', async () => {
    const { paths: _, ...rest } = written(ALL) as OpenApi & { paths: object };
    const broken = { ...rest, paths: { '/a': { get: { responses: { 200: {} } } } } };
    expect((await new Validator().validate(broken)).valid).toBe(false);
  });

  test('names each call once, and the cookie where there is one', () => {
    const ids = [...callsOf(written(ALL)).values()].map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    const schemes = written(ALL, '__Host-keyturn_refresh').components.securitySchemes;
    expect(schemes.refreshCookie?.name).toBe('__Host-keyturn_refresh');
    expect(written(TODO_OPERATIONS).components.securitySchemes).not.toHaveProperty('refreshCookie');
  });

  test('knows the same errors as docs/errors.md', () => {
    const table = readFileSync(join(import.meta.dirname, '../../docs/errors.md'), 'utf8');
    const listed = [...table.matchAll(/^\| ([\d, ]+) \| `(\w+)` \|/gm)].flatMap(
      ([, statuses = '', code = '']) => statuses.split(', ').map((status) => [status, code]),
    );
    const described = Object.entries(written(ALL).components.responses).flatMap(([, answer]) => {
      const examples = Object.values(answer.content ?? {}).flatMap(({ examples = {} }) =>
        Object.values(examples as Record<string, { value: { status: number; code: string } }>),
      );
      return examples.map(({ value }) => [String(value.status), value.code]);
    });
    // No call that is described is answered so: it is about those that are not.
    const unserved = ['408', '414', '417', '431'].map((status) => [status, 'invalid_request']);
    const rest = [['405', 'method_not_allowed'], ...unserved];
    const names = (rows: readonly (readonly string[])[]) =>
      [...new Set(rows.map((row) => row.join(' ')))].sort();
    expect(names([...described, ...rest])).toEqual(names(listed));
    expect(listed.length).toBeGreaterThan(20);
  });

  test('counts characters as the parser does', () => {
    const schema = text({ min: 2, max: 5 });
    const shown = new Ajv2020().compile(z.toJSONSchema(schema, { io: 'input' }));
    const letters = fc.string({ unit: fc.constantFrom('a', 'é', '😀', '한'), maxLength: 8 });
    fc.assert(
      fc.property(letters, (value) => schema.safeParse(value).success === shown(value)),
      { numRuns: 500 },
    );
  });

  test('has for each body an example that is taken as it stands', () => {
    const { schemas } = written(ALL).components;
    const seen = ALL.flatMap(({ call, body }) => {
      const id = body && z.globalRegistry.get(body)?.id;
      if (!body || !id || id === 'NoFields') return [];
      const { examples = [] } = schemas[id] as { examples?: unknown[] };
      return [[call, examples.map((example) => body.safeParse(example).success)]];
    });
    expect(seen).toEqual(seen.map(([call]) => [call, [true]]));
    expect(seen.length).toBeGreaterThan(10);
    const { Registration } = schemas as Record<string, { examples?: unknown[] }>;
    const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');
    expect(readme).toContain(JSON.stringify(Registration?.examples?.[0]));
  });

  test('refuses a body without a name', () => {
    const [operation] = ALL;
    const nameless = { ...operation, body: z.strictObject({}) } as Operation;
    expect(() => written([nameless])).toThrow('without a name');
  });
});

describe('the copy of Swagger UI', () => {
  const from = createRequire(import.meta.url);
  const { version } = from('swagger-ui-dist/package.json') as { version: string };

  test('is of the version that is installed', () => {
    expect(SWAGGER_UI.version).toBe(version);
  });

  test.each(SWAGGER_UI.files)('is what the package has: $of', ({ of, url }) => {
    const original = readFileSync(from.resolve(`swagger-ui-dist/${of}`));
    expect(brotliDecompressSync(readFileSync(url)).equals(original)).toBe(true);
  });
});
