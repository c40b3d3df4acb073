import type { Bench } from '../harness/bench.ts';
import { startLimit } from '../harness/limit-process.ts';
import type { Sample } from '../harness/load.ts';
import { type Goal, type Result, ratioGoal, sumUp } from '../harness/result.ts';
import { median } from '../harness/statistics.ts';
import type { VerifyResult, VerifyRun } from '../limits/verify.ts';

/** One verification may take so long, in milliseconds. */
const P99 = 1;

/** Verifying alone, beside jose's jwtVerify: tokens seen before, and new ones. */
export async function measureVerify(bench: Bench): Promise<Result> {
  await using verifier = startLimit(bench.cores, 'verify.ts');
  const ask = async (run: VerifyRun): Promise<Sample> => (await verifier.ask(run)) as VerifyResult;
  const { plan } = bench;
  const both = async (tokens: VerifyRun['tokens'], least: number) => {
    const ours: Sample[] = [];
    const theirs: Sample[] = [];
    for (let repetition = 0; repetition < plan.repetitions; repetition += 1) {
      theirs.push(await ask({ milliseconds: plan.run, who: 'jose', tokens }));
      ours.push(await ask({ milliseconds: plan.run, who: 'keyturn', tokens }));
    }
    const ratio = median(theirs.map(({ rate }, at) => (ours[at]?.rate ?? Number.NaN) / rate));
    const rows = [
      sumUp(`keyturn, ${tokens} tokens`, ours),
      sumUp(`jose, ${tokens} tokens`, theirs, { ratio }),
    ];
    return { rows, goal: ratioGoal('verify', rows, least) };
  };
  const seen = await both('seen', 3);
  const fresh = await both('new', 0.9);
  return {
    scenario: 'verify',
    rows: [...seen.rows, ...fresh.rows],
    facts: ['1,000 tokens in turn, 16 at once; p99 of one at a time; RS256, 2048 bits'],
    goals: [seen.goal, fresh.goal, latencyGoal(seen.rows[0]?.p99)],
  };
}

const latencyGoal = (p99: number | undefined): Goal => ({
  text: `verify: p99 under ${P99} ms when warm`,
  value: `${p99?.toFixed(4)} ms`,
  reached: p99 !== undefined && p99 < P99,
});
