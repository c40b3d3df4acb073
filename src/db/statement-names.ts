import { createHash } from 'node:crypto';

const LIMIT = 500;

/**
 * Gives each SQL text a name of its own, the same in every process, so that a connection parses
 * and plans it once. Texts beyond the first 500 stay unnamed: they are generated, and each name
 * would hold memory on the server.
 */
export function statementNames(): (text: string) => string | undefined {
  const names = new Map<string, string>();
  return (text) => {
    const known = names.get(text);
    if (known !== undefined || names.size >= LIMIT) return known;
    const name = `k_${createHash('sha256').update(text).digest('base64url').slice(0, 20)}`;
    names.set(text, name);
    return name;
  };
}
