import { expect, test } from 'vitest';
import { DRIVERS } from '../support/databases.ts';
import { PATIENCE } from '../support/server-process.ts';
import { rotateLive } from '../support/verifiers/live-rotation.ts';

test('twenty rotations on the embedded database refuse no token to any verifier', {
  timeout: PATIENCE,
}, async () => {
  const driver = DRIVERS.find(({ kind }) => kind === 'embedded');
  expect(driver).toBeDefined();
  const storage = await driver?.create();
  if (!storage) return;
  await rotateLive(storage, 1);
  await storage.drop();
});
