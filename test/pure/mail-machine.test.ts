import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { afterFailure } from '../../src/issuer/mail/machine.ts';
import { after, elapsed, milliseconds, seconds } from '../../src/kit/duration.ts';

const NOW = new Date('2026-01-01T00:00:00Z');
const DAY = seconds(24 * 3600);

/** The waits of a mail that is never taken, in seconds, until it is given up. */
function waits(life: ReturnType<typeof seconds>): number[] {
  const expiresAt = after(NOW, life);
  const all: number[] = [];
  for (let now = NOW, attempts = 1; ; attempts++) {
    const decision = afterFailure({ attempts, expiresAt }, false, now);
    if (decision.kind === 'give_up') {
      expect(decision.reason).toBe('expired');
      return all;
    }
    all.push(elapsed(now, decision.at) / 1000);
    now = decision.at;
  }
}

describe('a mail that is not taken', () => {
  test('is tried again after ten seconds, then twice as long each time, up to half an hour', () => {
    expect(waits(DAY).slice(0, 10)).toEqual([10, 20, 40, 80, 160, 320, 640, 1280, 1800, 1800]);
  });

  test('is tried for as long as it is of use, the more often the less time is left', () => {
    const all = waits(seconds(30 * 60));
    const tried = all.reduce((sum, wait) => sum + wait, 0);
    expect(tried).toBeGreaterThan(30 * 60 - 21);
    expect(all.slice(-3).every((wait) => wait < 60)).toBe(true);
  });

  test('is given up at once when it was refused for good', () => {
    const mail = { attempts: 1, expiresAt: after(NOW, DAY) };
    expect(afterFailure(mail, true, NOW)).toEqual({ kind: 'give_up', reason: 'refused' });
  });

  test('is never tried at or past its end, nor sooner than in ten seconds', () => {
    const attempts = fc.integer({ min: 1, max: 2000 });
    const left = fc.integer({ min: -1e9, max: 1e9 });
    fc.assert(
      fc.property(attempts, left, (attempts, left) => {
        const expiresAt = after(NOW, milliseconds(left));
        const decision = afterFailure({ attempts, expiresAt }, false, NOW);
        if (decision.kind === 'give_up') return left <= seconds(10);
        const wait = elapsed(NOW, decision.at);
        return decision.at < expiresAt && wait >= seconds(10) && wait <= seconds(1800);
      }),
    );
  });
});
