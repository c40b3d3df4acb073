import { expect, test } from 'vitest';
import { rateLimited } from '../../src/issuer/limits/errors.ts';
import { limitRefusal } from '../../src/issuer/login/limit-refusal.ts';
import type { LoginDeps } from '../../src/issuer/login/login.ts';
import { invalidRefreshToken, refreshTokenReused } from '../../src/issuer/sessions/errors.ts';
import { manualClock } from '../../src/kit/clock.ts';
import { AppError, unavailableError } from '../../src/kit/errors.ts';

const ORIGIN = { address: '203.0.113.1', userAgent: null, requestId: 'r' };
const AWAY = unavailableError('The database is away.');
const LIMITED = new AppError(rateLimited);
const INVALID = new AppError(invalidRefreshToken);
const REUSED = new AppError(refreshTokenReused);
const FAULT = new TypeError('a fault of ours');

test.each([
  ['a token that is refused', INVALID, undefined, INVALID, 1],
  ['one too many', INVALID, LIMITED, LIMITED, 1],
  ['a replay too many', REUSED, LIMITED, LIMITED, 1],
  ['a token that is bad while nothing can be counted', INVALID, AWAY, INVALID, 1],
  ['a database that is away', AWAY, LIMITED, AWAY, 0],
  ['a fault', FAULT, LIMITED, FAULT, 0],
])('%s is answered as it is', async (_, reason, fails, answer, counted) => {
  const taken: unknown[] = [];
  const limits = {
    take: async (action: string, { origin }: { origin: unknown }) => {
      taken.push([action, origin]);
      if (fails) throw fails;
      return undefined;
    },
  };
  const deps = { limits, clock: manualClock() } as unknown as LoginDeps;
  await expect(limitRefusal(deps, reason, ORIGIN)).rejects.toBe(answer);
  expect(taken).toEqual(Array(counted).fill(['refresh_refused', ORIGIN]));
});
