import { basename } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const MINUTE = 60_000;
/** V8 compiles PGlite once and not again for speed, which takes longer than most tests use it. */
const FORKS = { pool: 'forks' as const, execArgv: ['--liftoff-only'] };
/** What is waited for comes in a moment; on a busy machine in a long one. */
const PATIENT = { poll: { timeout: MINUTE, interval: 20 } };

/** A hundred times what most tests take: others may have the machine for most of the time. */
const HELD_UP = { testTimeout: 5 * MINUTE, hookTimeout: 5 * MINUTE };

/** Random cases are the same ones each time. */
const SEEDED = { setupFiles: ['test/support/seed.ts'] };

/** The longest: begun first, since whatever is begun last is waited for alone. */
const LONGEST = [
  'kill-at-start',
  'kill',
  'rotation-embedded',
  'rotation-postgres',
  'shutdown',
  'key-commands',
  'rotation-kill',
  'key-trouble',
  'db-embedded',
  'key-revocation-commands',
].map((name) => `${name}.test.ts`);

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) =>
      (LONGEST.indexOf(basename(moduleId)) + LONGEST.length + 1) % (LONGEST.length + 1);
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    coverage: {
      // What decides is tested to its last branch; what does is tested against real databases.
      include: ['src/**/machine.ts'],
      thresholds: { branches: 100, functions: 100, lines: 100, statements: 100 },
    },
    projects: [
      {
        // The walls of the house and the lockfile.
        test: { name: 'architecture', include: ['test/*.test.ts'], ...HELD_UP },
      },
      {
        // No processes, sockets or databases: shares threads, and the modules in them.
        test: {
          name: 'pure',
          include: ['test/pure/**/*.test.ts'],
          ...SEEDED,
          pool: 'threads',
          isolate: false,
          ...HELD_UP,
        },
      },
      {
        test: {
          name: 'server',
          include: ['test/{http,db}/**/*.test.ts'],
          ...SEEDED,
          globalSetup: ['test/support/postgres.ts'],
          ...FORKS,
          expect: PATIENT,
          ...HELD_UP,
        },
      },
      {
        // Real processes, for much of the time waited for: more of these than cores.
        test: {
          name: 'process',
          include: ['test/process/**/*.test.ts'],
          ...SEEDED,
          globalSetup: ['test/support/postgres.ts'],
          ...FORKS,
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
          expect: PATIENT,
          ...HELD_UP,
        },
      },
      {
        // Real Chromium: one file at a time, after all others, since it takes both cores for itself.
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          globalSetup: ['test/support/postgres.ts'],
          ...FORKS,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
          expect: PATIENT,
          ...HELD_UP,
        },
      },
    ],
  },
});
