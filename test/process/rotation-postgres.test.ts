import { test } from 'vitest';
import { newDirectory } from '../support/databases.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { LONG } from '../support/thorough.ts';
import { rotateLive } from '../support/verifiers/live-rotation.ts';

test('twenty rotations on three replicas refuse no token to any verifier', {
  timeout: LONG ? 1_800_000 : 240_000,
}, async () => {
  const { url, drop } = await createTestDatabase();
  await rotateLive({ url, dataDir: await newDirectory(), drop }, 3);
  await drop();
});
