import { USAGE_ERROR } from '../control/failure.ts';
import {
  MOST_USERS,
  type UserChangeReport,
  type UserList,
  type UserReport,
} from '../control/users.ts';
import { emailAddress, text } from '../http/text.ts';
import { doOperation } from './do-operation.ts';
import { type Command, type Invocation, readOptions } from './invocation.ts';
import { complain } from './refuse.ts';
import { instant, table } from './table.ts';

const json = { type: 'boolean', default: false } as const;

const DEFAULT_LIMIT = 1000;

/** As the operation takes it. */
const NAME = text({ min: 1, max: 200 });

const LIST_OPTIONS = {
  email: { type: 'string' },
  limit: { type: 'string', default: String(DEFAULT_LIMIT) },
  json,
} as const;

/** `keyturn users list` */
export const listUsersCommand: Command = {
  usage: '[--email PATTERN] [--limit N] [--json]',
  summary: "Shows users by address; in a PATTERN, as '*@example.com', * stands for anything.",
  words: {
    '--email': 'only these addresses',
    '--limit': `at most so many; ${DEFAULT_LIMIT} without it, ${MOST_USERS} at most`,
  },
  page: 'docs/users.md',
  async run(invocation) {
    const options = readOptions(invocation, 'users list', LIST_OPTIONS);
    if (!options) return USAGE_ERROR;
    const { email, limit } = options;
    if (!/^[1-9]\d{0,4}$/.test(limit) || Number(limit) > MOST_USERS) {
      return complain(invocation, 'users list', `--limit takes a number from 1 to ${MOST_USERS}.`);
    }
    const input = { ...(email !== undefined && { email }), limit: Number(limit) };
    return doOperation(invocation, 'users list', input, { ...options, human: describeList });
  },
};

/** `keyturn users create` */
export const createUserCommand: Command = {
  usage: 'EMAIL [--name NAME] [--json]',
  summary: 'Makes an account and mails a link to set its password, also while REGISTRATION=closed.',
  words: { '--name': "what to call the user; without it, the address's part before the @" },
  page: 'docs/users.md',
  async run(invocation) {
    const flags = { json, name: { type: 'string' } } as const;
    const options = readOptions(invocation, 'users create', flags, true);
    if (!options) return USAGE_ERROR;
    const [email, ...more] = options.positionals;
    if (email === undefined || more.length > 0) {
      return complain(invocation, 'users create', 'It takes one EMAIL.');
    }
    if (!emailAddress.safeParse(email).success) {
      return complain(invocation, 'users create', `${email} is no email address.`);
    }
    const { name } = options;
    const judged = name === undefined ? undefined : NAME.safeParse(name);
    if (judged?.error) {
      const faults = judged.error.issues.map(({ message }) => `--name ${message}.`);
      return complain(invocation, 'users create', faults.join(' '));
    }
    const input = { email, ...(name !== undefined && { name }) };
    return doOperation(invocation, 'users create', input, {
      ...options,
      human: ({ user }: { user: UserReport }) =>
        `${user.email} has an account, ${user.id}; a link to set its password is on its way.\n`,
    });
  },
};

/** `keyturn users disable` */
export const disableUserCommand = changing(
  'disable',
  'Lets a user log in no more, and ends every session.',
  (user) => `${user.email} is disabled.`,
);

/** `keyturn users enable` */
export const enableUserCommand = changing(
  'enable',
  'Lets a disabled user log in again.',
  (user) => `${user.email} may log in.`,
);

/** `keyturn users logout` */
export const logOutUserCommand = changing(
  'logout',
  'Ends every session of a user.',
  (user) => `${user.email} is logged out everywhere.`,
);

/** `keyturn users delete` */
export const deleteUserCommand: Command = {
  usage: 'EMAIL|ID [--json]',
  summary: 'Deletes a user and all that is personal, without asking.',
  page: 'docs/users.md',
  async run(invocation) {
    const options = readWho(invocation, 'delete');
    if (!options) return USAGE_ERROR;
    return doOperation(
      invocation,
      'users delete',
      { user: options.user },
      {
        ...options,
        human: ({ user }: { user: UserReport }) => `${user.email} is gone, ${user.id}.\n`,
      },
    );
  },
};

function changing(
  word: 'disable' | 'enable' | 'logout',
  summary: string,
  describe: (user: UserReport) => string,
): Command {
  return {
    usage: 'EMAIL|ID [--json]',
    summary,
    page: 'docs/users.md',
    async run(invocation) {
      const options = readWho(invocation, word);
      if (!options) return USAGE_ERROR;
      return doOperation(
        invocation,
        `users ${word}`,
        { user: options.user },
        {
          ...options,
          human: ({ user, changed, sessions_ended }: UserChangeReport) =>
            `${describe(user)}${changed ? '' : ' There was nothing to do.'}` +
            `${sessions_ended > 0 ? ` Sessions ended: ${sessions_ended}.` : ''}\n`,
        },
      );
    },
  };
}

/** The one user that a command names; undefined, with the complaint written, when it is wrong. */
function readWho(
  invocation: Invocation,
  word: string,
): { user: string; json: boolean } | undefined {
  const options = readOptions(invocation, `users ${word}`, { json }, true);
  if (!options) return undefined;
  const [user, ...more] = options.positionals;
  if (user !== undefined && more.length === 0) return { user, json: options.json };
  complain(invocation, `users ${word}`, 'It takes one user, by EMAIL or ID.');
  return undefined;
}

function describeList({ users, more }: UserList): string {
  const heads = ['EMAIL', 'VERIFIED', 'NAME', 'SINCE', 'DISABLED', 'PASSWORD', 'ID'];
  const rows = users.map((user) => [
    user.email,
    user.email_verified ? 'yes' : 'no',
    user.name,
    instant(user.created_at),
    instant(user.disabled_at),
    user.has_password ? 'yes' : 'not set',
    user.id,
  ]);
  const rest = more ? '\nThere are more: see --limit, --email and users export.\n' : '';
  return `${table([heads, ...rows])}${rest}`;
}
