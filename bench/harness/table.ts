import type { Goal, Result, Row } from './result.ts';

const COLUMNS: readonly (readonly [string, (row: Row) => string])[] = [
  ['', ({ subject }) => subject],
  ['rps min', ({ rate }) => count(rate.min)],
  ['median', ({ rate }) => count(rate.median)],
  ['max', ({ rate }) => count(rate.max)],
  ['p50 ms', ({ p50 }) => fixed(p50, 2)],
  ['p99 ms', ({ p99 }) => fixed(p99, 2)],
  ['CPU µs', ({ cpuMicros }) => fixed(cpuMicros, 1)],
  ['CPU', ({ cpuShare }) => percent(cpuShare)],
  ['others', ({ othersShare }) => percent(othersShare)],
  ['RSS MiB', ({ residentMib }) => fixed(residentMib, 0)],
  ['ratio', ({ ratio }) => fixed(ratio, 3)],
  ['by CPU', ({ cpuRatio }) => fixed(cpuRatio, 3)],
];

/** A result as Markdown, which reads well in a terminal, too. */
export function renderResult({ scenario, rows, table, facts }: Result): string {
  const parts: string[] = [];
  if (rows.length > 0) parts.push(renderRows(rows));
  if (table) parts.push(renderTable(table));
  if (facts.length > 0) parts.push(facts.map((fact) => `- ${fact}`).join('\n'));
  return [`\n### ${scenario}`, ...parts].join('\n\n');
}

const renderRows = (rows: readonly Row[]): string =>
  renderTable([
    COLUMNS.map(([title]) => title),
    ...rows.map((row) => COLUMNS.map(([, show]) => show(row))),
  ]);

/** Texts in the first column, figures in the others. */
function renderTable(cells: readonly (readonly string[])[]): string {
  const columns = cells[0]?.map((_, at) => at) ?? [];
  const widths = columns.map((at) => Math.max(...cells.map((line) => line[at]?.length ?? 0)));
  const pad = (text: string, at: number) =>
    at === 0 ? text.padEnd(widths[at] ?? 0) : text.padStart(widths[at] ?? 0);
  const [head = '', ...body] = cells.map((line) => `| ${line.map(pad).join(' | ')} |`);
  const rule = widths.map((width, at) => `${'-'.repeat(width + 1)}${at === 0 ? '-' : ':'}`);
  return [head, `|${rule.join('|')}|`, ...body].join('\n');
}

/** What was to be reached, and whether it was. */
export function renderGoals(goals: readonly Goal[]): string {
  const lines = goals.map(
    ({ text, value, reached }) => `- ${reached ? 'reached' : 'MISSED '} ${text}: ${value}`,
  );
  return ['\n### Goals\n', ...lines].join('\n');
}

/** A rate, as the tables have it. */
export const count = (figure: number): string =>
  figure >= 1000 ? Math.round(figure).toLocaleString('en-US') : figure.toFixed(1);
const fixed = (figure: number | undefined, digits: number): string =>
  figure === undefined ? '–' : figure.toFixed(digits);
const percent = (share: number | undefined): string =>
  share === undefined ? '–' : `${Math.round(share * 100)} %`;
