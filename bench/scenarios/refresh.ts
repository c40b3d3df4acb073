import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { registerAccounts, walkSession } from '../harness/api.ts';
import type { Bench } from '../harness/bench.ts';
import { compare, type Limit } from '../harness/compare.ts';
import { onServerCore } from '../harness/cores.ts';
import { startLimit, startLimitServer } from '../harness/limit-process.ts';
import { drive, type Exchange } from '../harness/load.ts';
import { opensslVersion } from '../harness/machine.ts';
import { fillTable } from '../harness/raw.ts';
import { type Result, ratioGoal } from '../harness/result.ts';

const CONNECTIONS = 32;

/**
 * Refreshes, each connection walking its own session; beside a signature alone, and beside one with
 * an UPDATE on the barest servers.
 */
export async function measureRefresh(bench: Bench): Promise<Result> {
  const { server, cores } = bench;
  await using signer = startLimit(cores, 'sign.ts');
  const { url: databaseUrl, tokens } = await fillTable(bench, 2 * CONNECTIONS);
  await using raw = await startLimitServer(cores, 'signing-server.ts', { databaseUrl });
  await using koa = await startLimitServer(cores, 'signing-koa.ts', { databaseUrl });
  const [rawExchanges, koaExchanges] = [raw, koa].map(({ port }, index) =>
    tokens
      .slice(index * CONNECTIONS, (index + 1) * CONNECTIONS)
      .map((token) => walkSession(port, token)),
  ) as [Exchange[], Exchange[]];
  const limits: Limit[] = [
    opensslVersion() === undefined
      ? {
          name: 'crypto.sign',
          measure: async (milliseconds) => ({ rate: Number(await signer.ask(milliseconds)) }),
        }
      : { name: 'openssl speed', measure: (milliseconds) => opensslSpeed(bench, milliseconds) },
    {
      name: 'node:http, signature, UPDATE',
      measure: (milliseconds) => drive(raw, rawExchanges, milliseconds),
    },
    {
      name: 'Koa, jose, UPDATE',
      measure: (milliseconds) => drive(koa, koaExchanges, milliseconds),
    },
  ];
  const accounts = await registerAccounts(server.port, CONNECTIONS);
  const exchanges = accounts.map(({ refreshToken }) => walkSession(server.port, refreshToken));
  const rows = await compare(bench, exchanges, limits);
  return {
    scenario: 'refresh',
    rows,
    facts: [`${CONNECTIONS} connections, each its own session, token in the body`],
    goals: [ratioGoal('refresh', rows, 0.5)],
  };
}

/** RS256 signatures a second with a key of 2048 bits, by OpenSSL's own program. */
async function opensslSpeed({ cores }: Bench, milliseconds: number) {
  const seconds = String(Math.max(1, Math.min(3, Math.round(milliseconds / 1000))));
  const command = onServerCore(cores, 'openssl', ['speed', '-seconds', seconds, 'rsa2048']);
  const { stdout } = await promisify(execFile)(...command);
  // Some times of one operation, each with an s, then as many rates, signatures first.
  const rate = /^rsa +2048 bits(?: +[\d.]+s)+ +([\d.]+)/m.exec(stdout)?.[1];
  if (rate === undefined) throw new Error(`openssl speed said something new: ${stdout}`);
  return { rate: Number(rate) };
}
