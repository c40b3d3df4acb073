import fc from 'fast-check';
import { TOKEN_TTL, WINDOW } from './session-table.ts';
import { LONG } from './thorough.ts';

/** How many random cases a property is tried on; `KEYTURN_TEST_LONG=1` asks for a thorough look. */
export const RUNS = LONG ? 20_000 : 1_000;

/** How long, in milliseconds, such a property may take; the runner's own limit is for short runs. */
export const PATIENCE = LONG ? 900_000 : 300_000;

const DAY = 86_400_000;

/**
 * A wait in milliseconds: none, inside the window, about its end, hours, days, about a token's
 * life. Few are so long that they end a session.
 */
export const gap: fc.Arbitrary<number> = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 0, max: 2000 }) },
  { weight: 12, arbitrary: fc.integer({ min: 2000, max: WINDOW - 1 }) },
  { weight: 8, arbitrary: fc.integer({ min: WINDOW - 2, max: WINDOW + 2 }) },
  { weight: 12, arbitrary: fc.integer({ min: WINDOW, max: DAY }) },
  { weight: 2, arbitrary: fc.integer({ min: DAY, max: TOKEN_TTL - 1 }) },
  { weight: 1, arbitrary: fc.integer({ min: TOKEN_TTL - 2, max: TOKEN_TTL + 2 }) },
);

/** How many changes a failover loses, and mostly that there is none. */
export const failover: fc.Arbitrary<number | null> = fc.oneof(
  { weight: 14, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.nat(6) },
);
