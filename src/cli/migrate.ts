import { USAGE_ERROR } from '../control/failure.ts';
import { doOperation } from './do-operation.ts';
import { type Command, readOptions } from './invocation.ts';

/** `keyturn migrate`: brings the database up to date, as `serve` does at its start. */
export const migrateCommand: Command = {
  usage: '[--json]',
  summary: 'Brings the database up to date.',
  page: 'docs/operations.md',
  async run(invocation) {
    const options = readOptions(invocation, 'migrate', { json: { type: 'boolean' } });
    if (!options) return USAGE_ERROR;
    return doOperation(invocation, 'migrate', {}, { json: options.json ?? false, human: describe });
  },
};

const describe = ({ applied }: { applied: readonly string[] }): string =>
  applied.length === 0
    ? 'The database is up to date.\n'
    : `Applied ${applied.length}: ${applied.join(', ')}.\n`;
