import { USAGE_ERROR } from '../control/failure.ts';
import { doOperation } from './do-operation.ts';
import { type Command, readOptions } from './invocation.ts';
import { complain } from './refuse.ts';
import { tellSession } from './session-story.ts';

/** `keyturn sessions explain` */
export const explainSessionCommand: Command = {
  usage: 'ID [--json]',
  summary: 'Tells the life of a session, and why it ended.',
  words: { ID: "the session's id, in tokens and in the audit trail the sid" },
  page: 'docs/audit.md',
  async run(invocation) {
    const json = { type: 'boolean', default: false } as const;
    const options = readOptions(invocation, 'sessions explain', { json }, true);
    if (!options) return USAGE_ERROR;
    const [id, ...more] = options.positionals;
    if (id === undefined || more.length > 0) {
      return complain(invocation, 'sessions explain', 'It takes one session ID.');
    }
    return doOperation(invocation, 'sessions explain', { id }, { ...options, human: tellSession });
  },
};
