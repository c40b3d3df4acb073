import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { EXPLAINED } from '../../src/cli/validate-config.ts';
import { faulty, PRODUCTION, warnings } from '../support/config.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/deployment.md'), 'utf8');
const rows = [...page.matchAll(/^\| `([A-Z_]+=[^`]*)` \| (\w+) \|/gm)].map(
  ([, settings = '', verdict = '']) => ({ settings, verdict }),
);

describe('what docs/deployment.md says of production', () => {
  test('is said beside settings that have no fault', () => {
    expect(faulty(PRODUCTION)).toEqual([]);
    expect(warnings(PRODUCTION)).toBe('');
    expect(rows.length).toBeGreaterThan(10);
  });

  test.each(rows)('$settings is $verdict', ({ settings, verdict }) => {
    const pairs = settings.split(' ').map((pair) => pair.split('=') as [string, string]);
    const env = { ...PRODUCTION, ...Object.fromEntries(pairs) };
    // One fault: of this setting in production, not of a value that nothing could read.
    expect(faulty(env)).toHaveLength(verdict === 'refused' ? 1 : 0);
    if (verdict === 'refused') return;
    expect(verdict).toBe('warned');
    const names = pairs.map(([name]) => `${name}:`);
    expect(names.filter((name) => warnings(env).includes(name))).not.toEqual([]);
  });

  test('is all that validate-config points to it for', () => {
    const warned = rows.filter(({ verdict }) => verdict === 'warned');
    const names = new Set(warned.map(({ settings }) => settings.split('=', 1)[0]));
    expect([...names].sort()).toEqual([...EXPLAINED].sort());
  });
});
