import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { registerAccounts, walkSession } from '../harness/api.ts';
import type { Bench } from '../harness/bench.ts';
import { drive, type Sample } from '../harness/load.ts';
import { type Goal, type Result, sumUp } from '../harness/result.ts';
import { startServer } from '../harness/server.ts';
import { median } from '../harness/statistics.ts';
import { residentMib } from '../harness/usage.ts';

/** Fewer than it can bear: how long a request takes is asked, not how many there can be. */
const CONNECTIONS = 8;
const ROTATIONS = 20;
/** How much slower the slowest hundredth may be while keys turn. */
const GOAL = 1.5;

/** Times so short that a rotation is safe every few seconds. */
const TIMES = {
  ACCESS_TOKEN_TTL: '1s',
  CLOCK_SKEW: '0s',
  JWKS_MAX_AGE: '0s',
  VERIFIER_CACHE_TTL: '1s',
  JWKS_CACHE_TTL: '1s',
  KEY_LEASE: '1s',
};
/** The propagation time of these, and a retired key has gone by then. */
const BETWEEN = 2200;

/** Refreshes while keys turn, in turn with as many while none does. */
export async function measureRotation(bench: Bench): Promise<Result> {
  const home = await mkdtemp(join(tmpdir(), 'keyturn-bench-rotation-'));
  try {
    return await measureIn(bench, home);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

async function measureIn(bench: Bench, home: string): Promise<Result> {
  const { options, plan, database } = bench;
  const url = await database.create();
  await using server = await startServer(bench, url, home, TIMES);
  const accounts = await registerAccounts(server.port, CONNECTIONS);
  const exchanges = accounts.map(({ refreshToken }) => walkSession(server.port, refreshToken));
  const env = {
    PATH: process.env.PATH,
    PORT: String(server.port),
    DATABASE_URL: url,
    DATA_DIR: join(home, 'data'),
    KEYS_DIR: join(home, 'keys'),
    SELF_CHECK: 'off',
    ...TIMES,
  };
  const rotate = async () => {
    await sleep(BETWEEN);
    // On the driver's cores, which it inherits, as a cron job beside the server's own.
    await promisify(execFile)(process.execPath, [options.entry, 'keys', 'rotate'], {
      cwd: home,
      env,
    });
  };

  await drive(server, exchanges, plan.warmUp);
  const quiet: Sample[] = [];
  const turning: Sample[] = [];
  const rounds = plan.quick ? 2 : ROTATIONS;
  for (let round = 0; round < rounds; round += 1) {
    quiet.push(await drive(server, exchanges, plan.run));
    const [sample] = await Promise.all([drive(server, exchanges, plan.run), rotate()]);
    turning.push(sample);
  }
  const memory = residentMib(server.pid);
  const ratios = turning.map(({ rate }, at) => rate / (quiet[at]?.rate ?? Number.NaN));
  return {
    scenario: 'rotation',
    rows: [
      sumUp('refresh while keys turn', turning, { residentMib: memory }),
      sumUp('refresh', quiet, { ratio: median(ratios) }),
    ],
    facts: [
      `${CONNECTIONS} connections; ${rounds} rotations by \`keyturn keys rotate\`, a stretch each`,
    ],
    goals: [slowest(turning, quiet)],
  };
}

function slowest(turning: readonly Sample[], quiet: readonly Sample[]): Goal {
  const p99 = (samples: readonly Sample[]) =>
    median(samples.map((sample) => sample.p99 ?? Number.NaN));
  const ratio = p99(turning) / p99(quiet);
  return {
    text: `rotation: p99 of refresh at most ${GOAL} times that without`,
    value: ratio.toFixed(2),
    reached: ratio <= GOAL,
  };
}
