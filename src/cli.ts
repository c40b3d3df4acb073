import { listAuditCommand } from './cli/audit.ts';
import { UnreadableDotenv } from './cli/configure.ts';
import type { Command, Invocation } from './cli/invocation.ts';
import {
  listKeysCommand,
  restoredCommand,
  revokeKeysCommand,
  rewrapKeysCommand,
  rotateKeysCommand,
} from './cli/keys.ts';
import { migrateCommand } from './cli/migrate.ts';
import { printable } from './cli/printable.ts';
import { asksForJson, refuse } from './cli/refuse.ts';
import { rehearseKeysCommand } from './cli/rehearse.ts';
import { serveCommand } from './cli/serve.ts';
import { explainSessionCommand } from './cli/sessions.ts';
import { complainOf } from './cli/unknown-command.ts';
import {
  type Commands,
  type FoundCommand,
  findCommand,
  readQuestion,
  usageOf,
} from './cli/usage.ts';
import {
  createUserCommand,
  deleteUserCommand,
  disableUserCommand,
  enableUserCommand,
  listUsersCommand,
  logOutUserCommand,
} from './cli/users.ts';
import { exportUsersCommand, importUsersCommand } from './cli/users-in-bulk.ts';
import { validateConfigCommand } from './cli/validate-config.ts';
import { BAD_CONFIGURATION, DONE, USAGE_ERROR } from './control/failure.ts';
import { VERSION } from './kit/version.ts';

const COMMANDS: Commands = new Map(
  Object.entries<Command>({
    serve: serveCommand,
    migrate: migrateCommand,
    'keys list': listKeysCommand,
    'keys rotate': rotateKeysCommand,
    'keys revoke': revokeKeysCommand,
    'keys rewrap': rewrapKeysCommand,
    'keys rehearse': rehearseKeysCommand,
    'users list': listUsersCommand,
    'users create': createUserCommand,
    'users disable': disableUserCommand,
    'users enable': enableUserCommand,
    'users delete': deleteUserCommand,
    'users logout': logOutUserCommand,
    'users import': importUsersCommand,
    'users export': exportUsersCommand,
    'audit list': listAuditCommand,
    'sessions explain': explainSessionCommand,
    restored: restoredCommand,
    'validate-config': validateConfigCommand,
  }),
);

/**
 * Runs one command.
 * @returns the exit status: 0 done, 1 failed, 2 wrong usage, 75 try again later, 78 bad configuration
 */
export async function run(invocation: Invocation): Promise<number> {
  const { argv } = invocation;
  const question = readQuestion(argv);
  if (question?.about === 'version') {
    invocation.out.write(`${VERSION}\n`);
    return DONE;
  }
  const answer = question && usageOf(COMMANDS, question.words);
  if (answer !== undefined) {
    invocation.out.write(answer);
    return DONE;
  }
  const found = question ? undefined : findCommand(COMMANDS, argv);
  if (found) return runWith(found, { ...invocation, argv: argv.slice(found.length) });
  const { detail, usage } = complainOf(
    COMMANDS,
    question?.about === 'usage' ? question.words : argv,
  );
  if (asksForJson(argv)) {
    const failure = { code: 'wrong_usage', detail, status: USAGE_ERROR };
    return refuse(invocation, '', failure, true);
  }
  invocation.err.write(`keyturn: ${printable(detail)}\n${usage ? `\n${usage}` : ''}`);
  return USAGE_ERROR;
}

async function runWith({ name, command }: FoundCommand, invocation: Invocation): Promise<number> {
  try {
    return await command.run(invocation);
  } catch (error) {
    if (!(error instanceof UnreadableDotenv)) throw error;
    const failure = {
      code: 'bad_configuration',
      detail: error.message,
      status: BAD_CONFIGURATION,
    };
    return refuse(invocation, name, failure, asksForJson(invocation.argv));
  }
}
