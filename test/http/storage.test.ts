import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seconds } from '../../src/kit/duration.ts';
import { clientOf } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';

const REFRESHES = 2000;
const PAGE = 8192;

describe.each(DRIVERS.filter(({ kind }) => kind === 'postgres'))('storage on $name', (driver) => {
  let keyturn: TestKeyturn;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
  });
  afterAll(() => keyturn.close());

  async function sizes() {
    const text = `SELECT pg_total_relation_size('sessions')::int AS total,
      pg_indexes_size('sessions')::int AS indexes`;
    const [row] = await keyturn.sql<{ total: number; indexes: number }>(text);
    if (!row) throw new Error('no size');
    return row;
  }

  test('two thousand refreshes leave one row and a table of a few pages', async () => {
    const ann = await clientOf(keyturn).register();
    const before = await sizes();
    let token = ann.refreshToken;
    for (let i = 0; i < REFRESHES; i++) {
      keyturn.clock.advance(seconds(60));
      const response = await fetch(`${keyturn.url}/api/auth/refresh`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ refresh_token: token }),
      });
      expect(response.status).toBe(200);
      token = ((await response.json()) as { refresh_token: string }).refresh_token;
    }
    const rows = await keyturn.sql('SELECT id, generation FROM sessions');
    expect(rows).toEqual([{ id: ann.sessionId, generation: REFRESHES + 1 }]);
    const after = await sizes();
    // Heap-only updates: the indexes hear nothing of them, and dead versions are pruned in place.
    // An autovacuum may hold the pruning up for a while, and adds maps of its own; without pruning
    // there would be a hundred pages.
    expect(after.indexes).toBe(before.indexes);
    expect(after.total).toBeLessThanOrEqual(before.total + 40 * PAGE);
  });
});
