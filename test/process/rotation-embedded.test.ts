import { expect, test } from 'vitest';
import { DRIVERS } from '../support/databases.ts';
import { LONG } from '../support/thorough.ts';
import { rotateLive } from '../support/verifiers/live-rotation.ts';

test('twenty rotations on the embedded database refuse no token to any verifier', {
  timeout: LONG ? 1_800_000 : 240_000,
}, async () => {
  const driver = DRIVERS.find(({ kind }) => kind === 'embedded');
  expect(driver).toBeDefined();
  const storage = await driver?.create();
  if (!storage) return;
  await rotateLive(storage, 1);
  await storage.drop();
});
