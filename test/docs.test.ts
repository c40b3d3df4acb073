import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { VARIABLES } from '../src/config/variables.ts';
import { REQUIREMENTS } from './support/asvs.ts';
import {
  anchorsOf,
  linksOf,
  pages,
  ROOT,
  readPage,
  rowsOf,
  sectionOf,
} from './support/markdown.ts';

/** What in the pages looks like a variable of Keyturn's and is none. */
const FOREIGN = new Set([
  ...['NODE_EXTRA_CA_CERTS', 'BETTER_AUTH_DATABASE_URL', 'VITE_ISSUER'],
  ...['KEYTURN_TEST_LONG', 'TEST_DATABASE_URL'],
  // A word of Envoy's configuration.
  'STRICT_DNS',
  // Read by docker-compose.yml.
  ...['SITE_ADDRESS', 'POSTGRES_PASSWORD'],
]);

const quoted = (text: string): string[] =>
  [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? '');

/** A command line of ours, in code: its first words. */
const COMMAND =
  /(?:npx keyturn|-s keyturn --|(?<![\w./'"@-]|-n )keyturn) ([a-z][a-z-]*(?: [a-z]+)?)/g;

describe('the pages', () => {
  const all = pages();

  test('are all looked at', () => {
    expect(all).toEqual(
      expect.arrayContaining(['README.md', 'docs/operations.md', 'keys/README.md']),
    );
    expect(all.filter((path) => linksOf(path).length > 0).length).toBeGreaterThan(10);
  });

  test.each(all)('%s leads to what is there', (path) => {
    const broken = linksOf(path).filter(({ to, anchor }) => {
      if (!existsSync(join(ROOT, to))) return true;
      return anchor !== '' && to.endsWith('.md') && !anchorsOf(readPage(to)).has(anchor);
    });
    expect(broken).toEqual([]);
  });

  test.each(all)('%s names variables that are read', (path) => {
    const named = readPage(path).match(/\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b/g) ?? [];
    const unknown = named.filter((name) => !(name in VARIABLES) && !FOREIGN.has(name));
    expect(unknown).toEqual([]);
  });

  test('name commands that there are', () => {
    const known = execFileSync(process.execPath, [join(ROOT, 'src/main.ts'), 'help'], {
      encoding: 'utf8',
    });
    const commands = new Set(known.match(/(?<=^ {2})[a-z-]+(?: [a-z]+\b)?/gm));
    const named = all.flatMap((path) => {
      const code = readPage(path).match(/```.*?```|`[^`\n]+`|^ {4}[^\n]+$/gms) ?? [];
      return [...code.join('\n').matchAll(COMMAND)].map(([, words = '']) => ({ path, words }));
    });
    expect(named.length).toBeGreaterThan(30);
    const unknown = named.filter(
      ({ words }) => !commands.has(words) && !commands.has(words.split(' ')[0] ?? ''),
    );
    expect(unknown).toEqual([]);
  });

  test('name scripts that npm runs', () => {
    const { scripts } = JSON.parse(readPage('package.json'));
    const own = all.filter((path) => !path.startsWith('examples/'));
    const named = own.flatMap(
      (path) => readPage(path).match(/(?<=npm run (?:-s )?)[a-z:]+/g) ?? [],
    );
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });
});

describe('docs/operations.md', () => {
  const page = readPage('docs/operations.md');

  test('says of every alert what to do, and of no other', () => {
    const { groups } = parse(readPage('examples/monitoring/alerts.yml'));
    const alerts = groups.flatMap((group: { rules: { alert: string }[] }) => group.rules);
    const rows = rowsOf(sectionOf(page, '## When an alert fires'));
    expect(rows.map(([name = '']) => quoted(name)[0])).toEqual(
      alerts.map(({ alert }: { alert: string }) => alert),
    );
  });

  test('says of every error code what helps, and of no other', () => {
    const codes = rowsOf(readPage('docs/errors.md')).map(([, code = '']) => quoted(code)[0]);
    const rows = rowsOf(sectionOf(page, '## Troubleshooting'));
    const helped = rows.map(([name = '']) => quoted(name)[0]).slice(0, codes.length);
    expect(codes.length).toBeGreaterThan(20);
    expect(helped.sort()).toEqual(codes.sort());
  });
});

test('docs/errors.md has each error under every status that it comes with', () => {
  const sources = globSync('src/**/*.ts', { cwd: ROOT }).map((path) => readPage(path));
  const specs = sources.flatMap((text) => [...text.matchAll(/status: (\d{3}),\s*code: '(\w+)'/g)]);
  expect(specs.length).toBeGreaterThan(25);
  const rows = rowsOf(readPage('docs/errors.md'));
  const listed = new Map(rows.map(([status = '', code = '']) => [quoted(code)[0], status]));
  // Commands have codes of their own, which are no answers.
  const answered = specs.filter(([, , code]) => listed.has(code));
  expect(answered.length).toBeGreaterThan(25);
  expect(answered.filter(([, status = '', code]) => !listed.get(code)?.includes(status))).toEqual(
    [],
  );
});

describe('the table of ASVS 5.0', () => {
  const page = readPage('docs/security.md');
  const met = rowsOf(sectionOf(page, '### What is met'));
  const ids = (section: string) =>
    rowsOf(sectionOf(page, section)).flatMap(([cell = '']) => cell.match(/V[\d.]+\d/g) ?? []);

  test('has each requirement of levels 1 and 2 once', () => {
    const listed = [...met.map(([id]) => id), ...ids('### What does not apply')];
    expect(listed.length).toBeGreaterThan(200);
    expect(listed.sort()).toEqual([...REQUIREMENTS].sort());
  });

  test('excuses what is not met, and nothing else', () => {
    const unmet = met.filter(([, , state]) => state !== 'yes').map(([id]) => id);
    expect(ids('### Exceptions').sort()).toEqual(unmet.sort());
    expect(new Set(met.map(([, , state]) => state))).toEqual(new Set(['yes', 'partly', 'no']));
  });

  test.each(met)('%s: %s', (_id, _what, _state, proof = '') => {
    const cited = [...proof.matchAll(/`([^`/][^`]*\/[^`]*|[\w.-]+\.json)`((?:,? "[^"]+")*)/g)];
    expect(cited.length).toBeGreaterThan(0);
    for (const [, path = '', titles = ''] of cited) {
      expect(existsSync(join(ROOT, path)), path).toBe(true);
      for (const [, title = ''] of titles.matchAll(/"([^"]+)"/g)) {
        expect(readPage(path)).toContain(title);
      }
    }
  });
});

test('no source builds code or patterns from text', () => {
  const banned =
    /\beval\(|new Function\(|new RegExp\(|\.(?:inner|outer)HTML\b|insertAdjacentHTML|document\.write|from 'node:(?:vm|child_process)'/;
  const paths = globSync('src/**/*.{ts,js}', { cwd: ROOT });
  expect(paths.length).toBeGreaterThan(200);
  const guilty = paths.filter((path) => banned.test(readFileSync(join(ROOT, path), 'utf8')));
  expect(guilty).toEqual([]);
});
