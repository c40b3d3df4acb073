import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config.ts';
import { type Database, openDatabase } from '../db/database.ts';
import { type Claim, DatabaseBusyError, lockHolder } from '../db/directory-lock.ts';
import { hasEmbedded, refuseToRoot } from '../db/embedded-directory.ts';
import { createTrail } from '../issuer/audit/trail.ts';
import { openHighWaterMark } from '../issuer/keys/high-water.ts';
import { loadKeyEncryptionKeys } from '../issuer/keys/key-encryption-key.ts';
import { createSealer } from '../issuer/keys/sealing.ts';
import { openOutboxSealer, openRefreshTokenTag } from '../issuer/keys/secrets.ts';
import { visibilityAt } from '../issuer/keys/self-check.ts';
import type { TransitionDeps } from '../issuer/keys/transition.ts';
import { noLimits, openLimits } from '../issuer/limits/open.ts';
import { systemClock } from '../kit/clock.ts';
import { seconds } from '../kit/duration.ts';
import type { Logger } from '../kit/log.ts';
import { type Answer, callControl } from './client.ts';
import { describeFailure, NotSetUp } from './failure.ts';
import { makeFirstKeys } from './first-keys.ts';
import { forgetTodos } from './forget-todos.ts';
import { OPERATIONS, type OperationDeps, type OperationName } from './operations.ts';
import { NO_STREAMS, type Streams } from './streams.ts';
import type { AccountMeans } from './users.ts';

/** What doing an operation needs. */
interface OperateDeps {
  readonly config: Config;
  readonly log: Logger;
}

/** One operation to be done. */
interface Call {
  readonly name: OperationName;
  readonly input: object;
  readonly streams: Streams;
}

/**
 * Has an operation done: by the server that holds the embedded database if one runs, else by this
 * process.
 */
export async function operate(
  deps: OperateDeps,
  name: OperationName,
  input: object,
  streams: Streams = NO_STREAMS,
): Promise<Answer> {
  const call: Call = { name, input, streams };
  try {
    return await (deps.config.database.url ? here(deps, call) : there(deps, call));
  } catch (error) {
    return { failure: describeFailure(error) };
  }
}

/** Does an operation in this process. */
async function here({ config, log }: OperateDeps, { name, input, streams }: Call): Promise<Answer> {
  const database = await openDatabase({ ...config.database, dataDir: config.dataDir, log });
  const clock = systemClock();
  const trail = createTrail({ log, clock, db: database.db });
  try {
    await clock.synchronise(() => database.time());
    const firstKeys = () => makeFirstKeys(config, log, { database, clock, trail });
    const operations: OperationDeps = {
      database,
      dataDir: config.dataDir,
      role: config.role,
      clock,
      trail,
      keys: () => openKeys(config, log, { database, clock, trail }),
      keysChanged: async () => {},
      firstKeys,
      accounts: async () => {
        await firstKeys();
        return {
          ...(await openAccounts(config, database)),
          passOnDeletions: forgetTodos({ database, clock, log }),
        };
      },
    };
    return { result: await OPERATIONS[name].run(operations, input, streams) };
  } finally {
    await trail.close();
    await database.close();
  }
}

/** How long a server that is still starting, or another command, is waited for. */
const PATIENCE = seconds(15);
const LOOK_EVERY = 50;

/** Does an operation where the embedded database is open, or here when nobody else has it open. */
async function there(deps: OperateDeps, call: Call): Promise<Answer> {
  const { dataDir } = deps.config;
  const { monotonic } = systemClock();
  for (const since = monotonic(); ; await sleep(LOOK_EVERY)) {
    const holder = await lockHolder(dataDir);
    const answer = holder ? await ask(holder, call) : await ifFree(deps, call);
    if (answer) return answer;
    if (holder && monotonic() - since > PATIENCE) throw new DatabaseBusyError(dataDir, holder.pid);
  }
}

/** What the server answers; undefined while it does not listen, or no more. */
async function ask({ socket }: Claim, { name, input, streams }: Call): Promise<Answer | undefined> {
  if (socket === undefined) return undefined;
  return callControl(socket, name, input, streams).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') return undefined;
    throw error;
  });
}

/** Does it here; undefined where somebody else was quicker to open the directory. */
async function ifFree(deps: OperateDeps, call: Call): Promise<Answer | undefined> {
  const { dataDir } = deps.config;
  // A directory mistyped is not to become a new database.
  const found = await hasEmbedded(dataDir);
  if (!found && call.name !== 'migrate') throw new NotSetUp(dataDir);
  if (found) await refuseToRoot(dataDir);
  return here(deps, call).catch((error: unknown) => {
    if (error instanceof DatabaseBusyError) return undefined;
    throw error;
  });
}

async function openAccounts(
  config: Config,
  database: Database,
): Promise<Omit<AccountMeans, 'passOnDeletions'>> {
  const sealer = createSealer(await loadKeyEncryptionKeys(config.keyEncryptionKeys));
  const secrets = { db: database.db, sealer };
  return {
    issuer: config.issuer,
    // The server sends what this leaves in the outbox, within seconds.
    outbox: { sealer: await openOutboxSealer(secrets), hurry() {} },
    limits: config.rateLimit
      ? openLimits({
          database,
          secret: await openRefreshTokenTag(secrets),
          registerMails: config.emailVerification === 'required',
          onLimited() {},
        })
      : noLimits,
  };
}

async function openKeys(
  config: Config,
  log: Logger,
  given: Pick<TransitionDeps, 'database' | 'clock' | 'trail'>,
): Promise<TransitionDeps> {
  return {
    ...given,
    sealer: createSealer(await loadKeyEncryptionKeys(config.keyEncryptionKeys)),
    policy: config.times,
    keyBits: config.keyBits,
    highWater: await openHighWaterMark(config.dataDir, log),
    // On the embedded database nobody serves while a command has it to itself.
    isVisible:
      config.selfCheck && config.database.url ? visibilityAt({ ...config, log }) : undefined,
  };
}
