import { expect, test } from 'vitest';
import { createTally } from '../../src/cli/crew-tally.ts';
import { aggregate } from '../../src/metrics/aggregate.ts';
import { createMetrics } from '../../src/metrics.ts';

test('workers that come and go leave their counts, and no more than that', async () => {
  const tally = createTally();
  const metrics = createMetrics({ version: '1' });
  metrics.login('ok');
  metrics.onResponse({ route: '/login', method: 'GET', status: 200, seconds: 0.02 });
  for (let worker = 0; worker < 20; worker += 1) {
    const ask = async (id: number) => tally.counted(id, await metrics.snapshot());
    await tally.collect([{ worker, ask }]);
    tally.ended(worker);
  }
  const snapshots = await tally.collect([]);
  // The tally's own, and that of all who are gone.
  expect(snapshots).toHaveLength(2);
  const { text } = await aggregate(snapshots);
  expect(text).toContain('keyturn_logins_total{result="ok"} 20');
  expect(text).toMatch(/keyturn_http_request_duration_seconds_count\{[^}]*\} 20/);
});

test('the last words of a worker that has ended are not counted once more', async () => {
  const tally = createTally();
  const metrics = createMetrics({ version: '1' });
  metrics.login('ok');
  const answer = async (id: number) => tally.counted(id, await metrics.snapshot());
  await tally.collect([{ worker: 1, ask: answer }]);
  let last = -1;
  const collected = tally.collect([{ worker: 1, ask: (id) => (last = id) }]);
  tally.ended(1);
  await answer(last);
  for (const snapshots of [await collected, await tally.collect([])]) {
    const { text } = await aggregate(snapshots);
    expect(text).toContain('keyturn_logins_total{result="ok"} 1');
  }
});
