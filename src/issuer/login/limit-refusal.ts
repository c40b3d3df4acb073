import { AppError } from '../../kit/errors.ts';
import type { RequestOrigin } from '../audit/trail.ts';
import { rateLimited } from '../limits/errors.ts';
import { invalidRefreshToken, refreshTokenReused } from '../sessions/errors.ts';
import type { LoginDeps } from './login.ts';

const LIMITED: readonly unknown[] = [invalidRefreshToken, refreshTokenReused];

/**
 * Rethrows what a refresh failed with, as `rate_limited` when too many were refused here. An
 * honest refresh never comes by, and costs no statement.
 */
export async function limitRefusal(
  { limits, clock }: Pick<LoginDeps, 'limits' | 'clock'>,
  reason: unknown,
  origin: RequestOrigin,
): Promise<never> {
  if (reason instanceof AppError && LIMITED.includes(reason.spec)) {
    try {
      await limits.take('refresh_refused', { origin }, clock.now());
    } catch (error) {
      // With the database away the token is as bad as it was before.
      if (error instanceof AppError && error.spec === rateLimited) throw error;
    }
  }
  throw reason;
}
