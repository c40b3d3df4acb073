import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { betterAuth } from '../contenders/better-auth.ts';
import type { Contender, Exchanges } from '../contenders/contender.ts';
import { installedBytes, installPeers, versions } from '../contenders/install.ts';
import { keyturn } from '../contenders/keyturn.ts';
import { oidcProvider } from '../contenders/oidc-provider.ts';
import { openAuth } from '../contenders/openauth.ts';
import { ahead, GOALS } from '../contenders/peer-goals.ts';
import { startRawLimits } from '../contenders/raw-limits.ts';
import type { Bench } from '../harness/bench.ts';
import { compare } from '../harness/compare.ts';
import { drive } from '../harness/load.ts';
import { type Result, type Row, ratioGoal } from '../harness/result.ts';
import type { Server } from '../harness/server.ts';
import { median } from '../harness/statistics.ts';
import { count } from '../harness/table.ts';
import { residentMib } from '../harness/usage.ts';

const CONNECTIONS = { login: 8, others: 32 };
const CALLS = ['login', 'token', 'read', 'jwks'] as const;
/** This server first: the others are held against it. */
const CONTENDERS = [keyturn, betterAuth, oidcProvider, openAuth];
const MIB = 1024 * 1024;

type Call = (typeof CALLS)[number];

/** A contender that runs, ready to be asked. */
interface Running {
  readonly contender: Contender;
  readonly server: Server;
  readonly exchanges: Exchanges;
  readonly startMillis: number;
  /** Right after its start, in MiB. */
  readonly idle: number | undefined;
}

/** Keyturn and its peers, all running at once and asked in turn; a result a call, then all together. */
export async function* measurePeers(bench: Bench): AsyncGenerator<Result> {
  installPeers();
  await using stack = new AsyncDisposableStack();
  const running: Running[] = [];
  for (const contender of CONTENDERS) running.push(await start(bench, contender, stack));
  const [ours, ...peers] = running as [Running, ...Running[]];
  const raw = await startRawLimits(bench, ours.server, stack);
  const rowsOf = new Map<Call, Row[]>();
  for (const call of CALLS) {
    const asked = peers.filter(({ exchanges }) => exchanges[call]);
    const limits = asked.map(({ contender, server, exchanges }) => ({
      name: contender.name,
      measure: (milliseconds: number) => drive(server, exchanges[call] ?? [], milliseconds),
    }));
    const [first, ...others] = await compare(
      { ...bench, server: ours.server },
      ours.exchanges[call] ?? [],
      [...limits, raw[call]],
      call === 'login' ? bench.plan.hashRun : bench.plan.run,
    );
    if (!first) throw new Error('nothing was measured');
    const rows = [
      { ...first, subject: keyturn.name },
      ...others.map((row, at) => ({ ...row, residentMib: memoryOf(asked[at]) })),
    ];
    rowsOf.set(call, rows);
    yield {
      scenario: `peers: ${call}`,
      rows,
      facts: [],
      goals: rows
        .slice(1, 1 + asked.length)
        .map((row) =>
          ratioGoal(`peers: ${call}`, [rows[0] as Row, row], GOALS[call][row.subject] ?? 1),
        ),
    };
  }
  yield sideBySide(running, rowsOf);
}

const memoryOf = (one: Running | undefined): number | undefined =>
  one && residentMib(one.server.pid);

/** Starts it as often as everything is repeated, and keeps the last. */
async function start(
  bench: Bench,
  contender: Contender,
  stack: AsyncDisposableStack,
): Promise<Running> {
  const databaseUrl = await bench.database.create();
  const home = await mkdtemp(join(tmpdir(), 'keyturn-bench-peer-'));
  stack.defer(() => rm(home, { recursive: true, force: true }));
  await contender.migrate?.(bench, databaseUrl);
  // The first makes tables and keys where there are none.
  await (await contender.start(bench, databaseUrl, home))[Symbol.asyncDispose]();
  const starts: number[] = [];
  while (starts.length < bench.plan.repetitions) {
    await using once = await contender.start(bench, databaseUrl, home);
    starts.push(once.startMillis);
  }
  const server = stack.use(await contender.start(bench, databaseUrl, home));
  const idle = residentMib(server.pid);
  const exchanges = await contender.prepare(server.port, CONNECTIONS);
  return { contender, server, exchanges, startMillis: median(starts), idle };
}

/** One table of everything, and what it takes beside time. */
function sideBySide(
  running: readonly Running[],
  rowsOf: ReadonlyMap<Call, readonly Row[]>,
): Result {
  const rates = CALLS.map((call) => {
    const rows = rowsOf.get(call) ?? [];
    const cells = running.map(({ contender }) => {
      const row = rows.find(({ subject }) => subject === contender.name);
      return row ? count(row.rate.median) : '–';
    });
    const raw = rows.at(-1);
    return [`${call}, rps`, ...cells, raw ? count(raw.rate.median) : '–'];
  });
  const costs = [
    { what: 'cold start, ms', figures: running.map(({ startMillis }) => startMillis) },
    { what: 'RSS idle, MiB', figures: running.map(({ idle }) => idle) },
    { what: 'RSS after the load, MiB', figures: running.map(memoryOf) },
    {
      what: 'installed, MiB',
      figures: running.map(({ contender }) => installedBytes(contender) / MIB),
    },
  ];
  const names = running.map(({ contender }) => contender.name);
  return {
    scenario: 'peers',
    rows: [],
    table: [
      ['', ...names, 'raw limit'],
      ...rates,
      ...costs.map(({ what, figures }) => [
        what,
        ...figures.map((figure) => figure?.toFixed(figure < 100 ? 1 : 0) ?? '–'),
        '',
      ]),
    ],
    facts: [
      `${CONNECTIONS.login} connections for login, ${CONNECTIONS.others} for the others`,
      `Keyturn without the embedded database: ${withoutEmbedded().toFixed(1)} MiB installed`,
      ...running.flatMap(({ contender }) => [
        `${contender.name}: ${versions(contender)}`,
        ...contender.notes.map((note) => `${contender.name}: ${note}`),
      ]),
    ],
    goals: costs.flatMap(({ what, figures }) => ahead(what, names, figures)),
  };
}

/** PGlite is for trying things out; with PostgreSQL it is never loaded. */
function withoutEmbedded(): number {
  const { installed } = keyturn;
  const packages = installed.packages.filter((name) => name !== '@electric-sql/pglite');
  return installedBytes({ ...keyturn, installed: { ...installed, packages } }) / MIB;
}
