import { availableParallelism } from 'node:os';
import { httpRequest, repeat, walkSession } from '../harness/api.ts';
import type { Bench } from '../harness/bench.ts';
import type { Limit } from '../harness/compare.ts';
import { startLimit, startLimitServer } from '../harness/limit-process.ts';
import { drive, type Exchange, type Target } from '../harness/load.ts';
import { fetchAnswer, fillTable } from '../harness/raw.ts';
import { ARGON2 } from '../harness/server.ts';
import type { HashResult } from '../limits/hash.ts';
import type { SelectServerNeeds } from '../limits/select-server.ts';

const CONNECTIONS = 32;

/** What the machine itself could do of each call at the most, on the same core. */
export async function startRawLimits(
  bench: Bench,
  server: Target,
  stack: AsyncDisposableStack,
): Promise<Readonly<Record<'login' | 'token' | 'read' | 'jwks', Limit>>> {
  const { cores } = bench;
  const answer = await fetchAnswer(server.port, '/.well-known/jwks.json');
  const bytes = stack.use(await startLimitServer(cores, 'static-server.ts', answer));
  const { url: databaseUrl, tokens } = await fillTable(bench, CONNECTIONS);
  const signing = stack.use(await startLimitServer(cores, 'signing-server.ts', { databaseUrl }));
  const user = await makeUser(bench);
  const select = stack.use(await startLimitServer(cores, 'select-server.ts', user));
  const get = httpRequest(1, 'GET', '/');
  const asked = (): Exchange[] => Array.from({ length: CONNECTIONS }, () => repeat(get, 200));
  return {
    login: hashAlone(bench, stack),
    token: against(
      'node:http, signature, UPDATE',
      signing,
      tokens.map((token) => walkSession(signing.port, token)),
    ),
    read: against('node:http, one prepared SELECT', select, asked()),
    jwks: against('node:http, same bytes', bytes, asked()),
  };
}

const against = (name: string, target: Target, exchanges: readonly Exchange[]): Limit => ({
  name,
  measure: (milliseconds) => drive(target, exchanges, milliseconds),
});

function hashAlone({ cores }: Bench, stack: AsyncDisposableStack): Limit {
  const inFlight = cores.server === undefined ? availableParallelism() : 1;
  const threads = { UV_THREADPOOL_SIZE: String(inFlight) };
  const hash = stack.use(startLimit(cores, 'hash.ts', threads));
  return {
    name: 'the hash alone',
    async measure(milliseconds) {
      const { rate } = (await hash.ask({ milliseconds, inFlight, ...ARGON2 })) as HashResult;
      return { rate };
    },
  };
}

async function makeUser({ database }: Bench): Promise<SelectServerNeeds> {
  const databaseUrl = await database.create();
  await database.query(
    databaseUrl,
    `create table users (id uuid primary key, email text not null, email_verified boolean not null,
      name text not null, created_at timestamptz not null)`,
  );
  const [row] = await database.query<{ id: string }>(
    databaseUrl,
    `insert into users values (gen_random_uuid(), 'ada@example.com', false, 'Ada Lovelace', now())
      returning id`,
  );
  return { databaseUrl, userId: row?.id ?? '' };
}
