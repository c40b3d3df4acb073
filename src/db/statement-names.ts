import { createHash } from 'node:crypto';

const LIMIT = 500;

const anew = new Set<string>();

/**
 * Marks a statement over as many rows as callers happen to ask for: it is planned each time, for
 * the tables as they are. A plan that was kept from when they were tiny would read them whole, for
 * each row, until the server hears that they have grown.
 */
export function plannedAnew(text: string): string {
  anew.add(text);
  return text;
}

/**
 * Gives each SQL text a name of its own, the same in every process, so that a connection parses
 * and plans it once. Texts beyond the first 500 stay unnamed: they are generated, and each name
 * would hold memory on the server.
 */
export function statementNames(): (text: string) => string | undefined {
  const names = new Map<string, string>();
  return (text) => {
    if (anew.has(text)) return undefined;
    const known = names.get(text);
    if (known !== undefined || names.size >= LIMIT) return known;
    const name = `k_${createHash('sha256').update(text).digest('base64url').slice(0, 20)}`;
    names.set(text, name);
    return name;
  };
}
