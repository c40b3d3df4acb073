import { z } from 'zod';
import type { Operation } from '../http/operation.ts';
import { problem } from './problem-schema.ts';

/** A JSON Schema of 2020-12, which OpenAPI 3.1 takes as it is. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Where a named schema is in the document. */
export const schemaUri = (id: string): string => `#/components/schemas/${id}`;

/** Bodies of requests as they are sent, and bodies of answers as they are read, by name. */
export function namedSchemas(operations: readonly Operation[]): Record<string, JsonSchema> {
  const sent = operations.flatMap(({ body }) => body ?? []);
  const read = operations.flatMap(({ answers }) =>
    Object.values(answers).flatMap(({ body }) => body ?? []),
  );
  return { ...convert(sent, 'input'), ...convert([...read, problem], 'output') };
}

/** A schema where it is used: a reference when it has a name. */
export function schemaOf(schema: z.ZodType): JsonSchema {
  const id = idOf(schema);
  if (id !== undefined) return { $ref: schemaUri(id) };
  return plain(z.toJSONSchema(schema, { io: 'input', override }));
}

function convert(schemas: readonly z.ZodType[], io: 'input' | 'output') {
  const registry = z.registry<{ id: string }>();
  for (const schema of schemas) {
    const id = idOf(schema);
    if (id === undefined) throw new Error('a body has a schema without a name');
    registry.add(schema, { id });
  }
  const converted = z.toJSONSchema(registry, { uri: schemaUri, io, override });
  const named = Object.entries(converted.schemas).map(([id, schema]) => [id, plain(schema)]);
  return Object.fromEntries(named) as Record<string, JsonSchema>;
}

const idOf = (schema: z.ZodType): string | undefined => z.globalRegistry.get(schema)?.id;

/** Takes out what says the same a second time, at length. */
function override({ jsonSchema }: { jsonSchema: Record<string, unknown> }): void {
  // A format says what its pattern says; texts that become numbers are shown as numbers.
  if (jsonSchema.format !== undefined || jsonSchema.type === 'integer') delete jsonSchema.pattern;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
}

function plain(schema: object): JsonSchema {
  const { $schema, $id, id, ...rest } = schema as Record<string, unknown>;
  return rest;
}
