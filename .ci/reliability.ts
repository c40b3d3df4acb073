// npm run reliability [-- --short] [FILE...]: runs the tests of the faults and writes what they
// measured into the table of docs/reliability.md. Lines of faults that were not tried stay.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { FaultReport } from '../test/support/fault-report.ts';

const ROOT = join(import.meta.dirname, '..');
const DOCUMENT = join(ROOT, 'docs/reliability.md');
const TESTS = ['test/process/fault-', 'test/process/kill.test.ts'];
const HEAD = [
  '| fault | times | acknowledged | lost | longest recovery | |',
  '| --- | --- | --- | --- | --- | --- |',
];

const { values, positionals } = parseArgs({
  options: { short: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const directory = mkdtempSync(join(tmpdir(), 'keyturn-faults-'));
const file = join(directory, 'report');
const tests = positionals.length > 0 ? positionals : TESTS;
const { status } = spawnSync('vitest', ['run', ...tests], {
  cwd: ROOT,
  stdio: 'inherit',
  env: {
    ...process.env,
    KEYTURN_FAULT_REPORT: file,
    KEYTURN_TEST_LONG: values.short ? '' : '1',
  },
});
const reports = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
rmSync(directory, { recursive: true });
const fresh = reports.map((line) => rowOf(JSON.parse(line)));
writeFileSync(DOCUMENT, withRows(readFileSync(DOCUMENT, 'utf8'), fresh));
process.exitCode = status ?? 1;

/** A line of the table. A test that lost something reports nothing. */
function rowOf({ fault, times, acknowledged, recovery, note }: FaultReport): string {
  const number = (value?: number) => (value === undefined ? '' : value.toLocaleString('en'));
  const lost = acknowledged === undefined ? '' : '0';
  const seconds = recovery === undefined ? '' : `${(recovery / 1000).toFixed(1)} s`;
  const cells = [fault, number(times), number(acknowledged), lost, seconds, note ?? ''];
  return `| ${cells.join(' | ')} |`;
}

/** The document with new lines for the faults that they are of. */
function withRows(text: string, rows: readonly string[]): string {
  const faultOf = (row: string) => row.split(' | ')[0];
  const tried = new Set(rows.map(faultOf));
  const lines = text.split('\n');
  const start = lines.indexOf(HEAD[0] ?? '');
  if (start < 0) throw new Error('docs/reliability.md has no table');
  const after = lines.findIndex((line, i) => i > start && !line.startsWith('|'));
  const end = after < 0 ? lines.length : after;
  const kept = lines.slice(start + HEAD.length, end).filter((row) => !tried.has(faultOf(row)));
  const table = [...kept, ...rows].sort();
  return [...lines.slice(0, start), ...HEAD, ...table, ...lines.slice(end)].join('\n');
}
