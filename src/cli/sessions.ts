import { USAGE_ERROR } from '../control/failure.ts';
import { doOperation } from './do-operation.ts';
import { type Command, readOptions } from './invocation.ts';
import { tellSession } from './session-story.ts';

/** `keyturn sessions explain` */
export const explainSessionCommand: Command = {
  usage: 'ID [--json]',
  summary: 'Tells the life of a session, and why it ended.',
  async run(invocation) {
    const json = { type: 'boolean', default: false } as const;
    const options = readOptions(invocation, 'sessions explain', { json }, true);
    if (!options) return USAGE_ERROR;
    const [id, ...more] = options.positionals;
    if (id === undefined || more.length > 0) {
      invocation.err.write('keyturn sessions explain takes one session ID.\nSee: keyturn help\n');
      return USAGE_ERROR;
    }
    return doOperation(invocation, 'sessions explain', { id }, { ...options, human: tellSession });
  },
};
