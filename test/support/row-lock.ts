import type { TestKeyturn } from './keyturn.ts';

/**
 * Resolves when a statement of the server waits for a row that another transaction holds.
 * @throws Error when `request` was answered without
 */
export async function waitsForRow(
  keyturn: Pick<TestKeyturn, 'sql'>,
  request: Promise<unknown>,
): Promise<void> {
  let over = false;
  const settled = () => {
    over = true;
  };
  request.then(settled, settled);
  const text = `SELECT count(*)::int AS waiting FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  while (!over) {
    const [row] = await keyturn.sql<{ waiting: number }>(text);
    if (row?.waiting) return;
  }
  throw new Error('the request was answered without waiting');
}
