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
import { rehearseKeysCommand } from './cli/rehearse.ts';
import { serveCommand } from './cli/serve.ts';
import { explainSessionCommand } from './cli/sessions.ts';
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

const COMMANDS: Readonly<Record<string, Command>> = {
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
};

const usage = (): string => {
  const lines = Object.entries(COMMANDS).map(
    ([name, { usage, summary }]) => `  ${`${name} ${usage}`.trim()}\n      ${summary}`,
  );
  return `Usage: keyturn COMMAND [options]

${lines.join('\n')}
  help
      Shows this.

--json prints an answer for machines. Configuration comes from environment variables, or from a
file .env outside production: docs/configuration.md lists them. Exit status: 0 done, 1 failed,
2 wrong usage, 75 try again later, 78 bad configuration.
`;
};

/**
 * Runs one command.
 * @returns the exit status: 0 done, 1 failed, 2 wrong usage, 75 try again later, 78 bad configuration
 */
export async function run(invocation: Invocation): Promise<number> {
  const { argv } = invocation;
  if (argv[0] === 'help' || argv[0] === '--help' || argv[0] === '-h') {
    invocation.out.write(usage());
    return DONE;
  }
  for (const words of [2, 1]) {
    const command = COMMANDS[argv.slice(0, words).join(' ')];
    if (command) return runWith(command, { ...invocation, argv: argv.slice(words) });
  }
  const complaint =
    argv.length === 0
      ? 'A command is missing.'
      : `There is no command ${argv.slice(0, 2).join(' ')}.`;
  invocation.err.write(`${complaint}\n\n${usage()}`);
  return USAGE_ERROR;
}

async function runWith(command: Command, invocation: Invocation): Promise<number> {
  try {
    return await command.run(invocation);
  } catch (error) {
    if (!(error instanceof UnreadableDotenv)) throw error;
    invocation.err.write(`keyturn: ${error.message}\n`);
    return BAD_CONFIGURATION;
  }
}
