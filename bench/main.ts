import { writeFile } from 'node:fs/promises';
import type { Bench, Scenario } from './harness/bench.ts';
import { divideCores } from './harness/cores.ts';
import { startDatabase } from './harness/database.ts';
import { loadAverage, machineFacts } from './harness/machine.ts';
import { type Options, parseOptions, USAGE } from './harness/plan.ts';
import type { Result } from './harness/result.ts';
import { startServer } from './harness/server.ts';
import { renderGoals, renderResult } from './harness/table.ts';
import { measureFlood } from './scenarios/flood.ts';
import { measureGrowth } from './scenarios/growth.ts';
import { measureJwks } from './scenarios/jwks.ts';
import { measureLogin } from './scenarios/login.ts';
import { measureHealthz, measureMe, measureRegister } from './scenarios/others.ts';
import { measurePages } from './scenarios/pages.ts';
import { measurePeers } from './scenarios/peers.ts';
import { measureRefresh } from './scenarios/refresh.ts';
import { measureRotation } from './scenarios/rotation.ts';
import { measureSoak } from './scenarios/soak.ts';
import { measureStart } from './scenarios/start.ts';
import { measureTodos } from './scenarios/todos.ts';
import { measureVerify } from './scenarios/verify.ts';
import { measureWorkers } from './scenarios/workers.ts';

/** In this order; the soak comes after all other load, since it judges the memory. */
const SCENARIOS: Readonly<Record<string, Scenario>> = {
  start: measureStart,
  jwks: measureJwks,
  healthz: measureHealthz,
  me: measureMe,
  login: measureLogin,
  register: measureRegister,
  refresh: measureRefresh,
  rotation: measureRotation,
  todos: measureTodos,
  verify: measureVerify,
  flood: measureFlood,
  soak: measureSoak,
};

/** Only when asked for by name: they take several minutes each, or a browser. */
const ON_REQUEST: Readonly<Record<string, Scenario>> = {
  workers: measureWorkers,
  growth: measureGrowth,
  pages: measurePages,
};

/** Measures what is asked for. A missed goal is no failure; what could not be measured is one. */
async function measure(options: Options): Promise<void> {
  const busy = loadAverage();
  const cores = divideCores();
  await using database = await startDatabase(options.fsync);
  const databaseUrl = await database.create();
  await using server = await startServer({ cores, options }, databaseUrl);
  const bench: Bench = { plan: options.plan, cores, options, database, server, databaseUrl };
  const machine = machineFacts(bench, busy);
  console.log(renderResult({ scenario: 'Machine', rows: [], facts: machine, goals: [] }));

  const results: Result[] = [];
  for (const [name, scenario] of chosen(options)) {
    try {
      for await (const result of scenario(bench)) {
        results.push(result);
        console.log(renderResult(result));
      }
    } catch (error) {
      process.exitCode = 1;
      console.error(`\n### ${name}\n\ncould not be measured:`, error);
    }
  }
  console.log(renderGoals(results.flatMap(({ goals }) => goals)));
  if (options.json !== undefined) {
    await writeFile(options.json, `${JSON.stringify({ machine, results }, null, 2)}\n`);
  }
}

/** What is to be measured, in order. `--peers` alone is the comparison alone. */
function chosen({ scenarios, peers }: Options) {
  const usual = peers ? [] : Object.keys(SCENARIOS);
  const named = Object.entries({ ...SCENARIOS, ...ON_REQUEST })
    .filter(([name]) => (scenarios ?? usual).includes(name))
    .map(([name, measureOne]) => [name, one(measureOne)] as const);
  return peers ? [...named, ['peers', measurePeers] as const] : named;
}

const one = (scenario: Scenario) =>
  async function* (bench: Bench) {
    yield await scenario(bench);
  };

/** Reads the command line; undefined when there is nothing to measure. */
function readOptions(): Options | undefined {
  try {
    const options = parseOptions(process.argv.slice(2));
    for (const name of options?.scenarios ?? []) {
      if (!Object.hasOwn({ ...SCENARIOS, ...ON_REQUEST }, name))
        throw new TypeError(`There is no scenario '${name}'`);
    }
    if (!options) console.log(USAGE);
    return options;
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    process.exitCode = 2;
    return undefined;
  }
}

const options = readOptions();
if (options) await measure(options);
