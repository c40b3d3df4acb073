import { printable } from './printable.ts';

/** Lays rows out in columns, the first row being the heads; cells may hold what others wrote. */
export function table(cells: readonly (readonly string[])[]): string {
  const rows = cells.map((row) => row.map(printable));
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}

/** An instant for people, to the second in UTC; `-` for none. */
export const instant = (value: Date | string | null): string =>
  value === null ? '-' : `${new Date(value).toISOString().slice(0, 19).replace('T', ' ')}Z`;
