import { z } from 'zod';
import { issuerMigrations } from '../../migrations/issuer/index.ts';
import { todosMigrations } from '../../migrations/todos/index.ts';
import type { Config } from '../config.ts';
import type { Database } from '../db/database.ts';
import { migrate } from '../db/migrate.ts';
import { checkServer } from '../db/server-check.ts';
import { emailAddress, text } from '../http/text.ts';
import { dropAllRequests } from '../issuer/accounts/request-store.ts';
import { voidAllTokens } from '../issuer/accounts/token-store.ts';
import { EVENTS, type Trail } from '../issuer/audit/trail.ts';
import {
  listCommand,
  restoredCommand,
  revokeCommand,
  rewrapCommand,
  rotateCommand,
} from '../issuer/keys/commands.ts';
import type { TransitionDeps } from '../issuer/keys/transition.ts';
import { dropAllUnsentMail } from '../issuer/mail/store.ts';
import { endAllSessions } from '../issuer/sessions/end-store.ts';
import type { Clock } from '../kit/clock.ts';
import type { Streams } from './streams.ts';
import { explainSession, listTrail, MOST_EVENTS } from './trail.ts';
import {
  type AccountMeans,
  changeUserCommand,
  createUserCommand,
  deleteUserCommand,
  exportUsersCommand,
  importUsersCommand,
  listUsersCommand,
  MOST_USERS,
} from './users.ts';

/** What operations work on. */
export interface OperationDeps {
  readonly database: Database;
  readonly dataDir: string;
  readonly role: Config['role'];
  /** The database's time. */
  readonly clock: Pick<Clock, 'now'>;
  readonly trail: Trail;
  /** Opens the keys; only when an operation needs them. */
  readonly keys: () => Promise<TransitionDeps>;
  /** Called when keys have changed, before the answer. */
  readonly keysChanged: () => Promise<void>;
  /** Sees to it that there are keys before there are users. */
  readonly firstKeys: () => Promise<void>;
  /** Opens what making and deleting accounts takes; only when an operation needs it. */
  readonly accounts: () => Promise<AccountMeans>;
}

/** One thing that a command can have done, by the running server or by itself. */
export interface Operation {
  readonly input: z.ZodType;
  run(deps: OperationDeps, input: unknown, streams: Streams): Promise<object>;
}

function operation<S extends z.ZodType>(
  input: S,
  run: (deps: OperationDeps, input: z.output<S>, streams: Streams) => Promise<object>,
): Operation {
  return { input, run: (deps, raw, streams) => run(deps, input.parse(raw), streams) };
}

const nothing = z.strictObject({});
/** An email address or an id. */
const who = z.strictObject({ user: z.string() });

/** Does what changes keys, and tells whoever holds them in memory. */
async function onKeys<T extends object>(
  deps: OperationDeps,
  command: (keys: TransitionDeps) => Promise<T>,
): Promise<T> {
  const answer = await command(await deps.keys());
  await deps.keysChanged();
  return answer;
}

/** The same, and no statement is cut off: of millions of sessions to end each would be, for ever. */
const patient = (keys: TransitionDeps, database: Database): TransitionDeps => ({
  ...keys,
  database: { ...keys.database, transaction: (work) => database.patientTransaction(work) },
});

/** Every operation by its name, which is the command's. */
export const OPERATIONS = {
  migrate: operation(nothing, async ({ database, role }) => {
    await checkServer(database);
    return {
      applied: [
        ...(role === 'resource-server' ? [] : await migrate(database, 'issuer', issuerMigrations)),
        ...(role === 'issuer' ? [] : await migrate(database, 'todos', todosMigrations)),
      ],
    };
  }),
  'keys list': operation(nothing, async (deps) => listCommand(await deps.keys())),
  'keys rotate': operation(
    z.strictObject({ ifDue: z.boolean(), force: z.boolean(), dryRun: z.boolean() }),
    (deps, input) => onKeys(deps, (keys) => rotateCommand(keys, input)),
  ),
  'keys revoke': operation(
    z.strictObject({ kid: z.string().optional(), immediately: z.boolean() }),
    (deps, { kid, immediately }) =>
      onKeys(deps, (keys) => revokeCommand(keys, { kid, immediately })),
  ),
  'keys rewrap': operation(nothing, (deps) => onKeys(deps, rewrapCommand)),
  'audit list': operation(
    z.strictObject({
      user: z.string().optional(),
      event: z.enum(EVENTS).optional(),
      since: z.iso.datetime().optional(),
      /** Milliseconds before now, instead of an instant. */
      age: z.int().nonnegative().optional(),
      limit: z.int().min(1).max(MOST_EVENTS),
    }),
    listTrail,
  ),
  'sessions explain': operation(z.strictObject({ id: z.string() }), (deps, { id }) =>
    explainSession(deps, id),
  ),
  'users list': operation(
    z.strictObject({ email: z.string().optional(), limit: z.int().min(1).max(MOST_USERS) }),
    listUsersCommand,
  ),
  'users create': operation(
    z.strictObject({ email: emailAddress, name: text({ min: 1, max: 200 }).optional() }),
    createUserCommand,
  ),
  'users disable': operation(who, (deps, { user }) => changeUserCommand(deps, 'disable', user)),
  'users enable': operation(who, (deps, { user }) => changeUserCommand(deps, 'enable', user)),
  'users logout': operation(who, (deps, { user }) => changeUserCommand(deps, 'logout', user)),
  'users delete': operation(who, (deps, { user }) => deleteUserCommand(deps, user)),
  'users import': operation(nothing, (deps, _, streams) => importUsersCommand(deps, streams)),
  'users export': operation(z.strictObject({ hashes: z.boolean() }), exportUsersCommand),
  restored: operation(nothing, (deps) =>
    onKeys(deps, (keys) =>
      restoredCommand(patient(keys, deps.database), async (tx, now) => {
        await endAllSessions(tx, { reason: 'restored', now });
        // Some were sent after the backup was made, and no link shall work.
        await dropAllUnsentMail(tx);
        await voidAllTokens(tx);
        await dropAllRequests(tx);
      }),
    ),
  ),
} satisfies Record<string, Operation>;

/** The name of an operation. */
export type OperationName = keyof typeof OPERATIONS;
