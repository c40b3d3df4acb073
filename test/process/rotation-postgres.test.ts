import { test } from 'vitest';
import { newDirectory } from '../support/databases.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { PATIENCE } from '../support/server-process.ts';
import { rotateLive } from '../support/verifiers/live-rotation.ts';

test('twenty rotations on three replicas refuse no token to any verifier', {
  timeout: PATIENCE,
}, async () => {
  const { url, drop } = await createTestDatabase();
  await rotateLive({ url, dataDir: await newDirectory(), drop }, 3);
  await drop();
});
