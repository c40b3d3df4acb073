import { ReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { FAILED, USAGE_ERROR } from '../control/failure.ts';
import { NO_STREAMS } from '../control/streams.ts';
import { doOperation } from './do-operation.ts';
import { type Command, type Invocation, readOptions } from './invocation.ts';
import { complain, refuse } from './refuse.ts';
import { whyUnreadable } from './unreadable.ts';

/** `keyturn users import` */
export const importUsersCommand: Command = {
  usage: 'FILE|- [--json]',
  summary: 'Imports users from JSON lines (docs/users.md), all of them or none; - reads its input.',
  words: { FILE: 'a user a line, as users export writes them' },
  page: 'docs/users.md',
  async run(invocation) {
    const json = { type: 'boolean', default: false } as const;
    const options = readOptions(invocation, 'users import', { json }, true);
    if (!options) return USAGE_ERROR;
    const [path, ...more] = options.positionals;
    if (path === undefined || more.length > 0) {
      return complain(invocation, 'users import', 'It takes one FILE, or -.');
    }
    const input = await openLines(invocation, path);
    if (typeof input === 'string') {
      const detail = `${path} cannot be read: ${input}. Name a file of JSON lines, or - for the input.`;
      const failure = { code: 'invalid_request', detail, status: FAILED };
      return refuse(invocation, 'users import', failure, options.json);
    }
    const human = ({ imported }: { imported: number }) =>
      imported === 0 ? 'There was nothing to import.\n' : `Users imported: ${imported}.\n`;
    try {
      return await doOperation(invocation, 'users import', {}, { ...options, human }, { input });
    } finally {
      // What is refused before it was read is still open.
      if (input instanceof ReadStream) input.destroy();
    }
  },
};

/** `keyturn users export` */
export const exportUsersCommand: Command = {
  usage: '[--no-hashes] [--json]',
  summary: 'Writes every user as a JSON line that users import reads, password hashes included.',
  words: { '--no-hashes': 'without them: who is imported from that has to reset the password' },
  page: 'docs/users.md',
  async run(invocation) {
    const flag = { type: 'boolean', default: false } as const;
    // Lines of JSON are for machines already; a refusal is where it is asked for.
    const flags = { 'no-hashes': flag, json: flag };
    const options = readOptions(invocation, 'users export', flags);
    if (!options) return USAGE_ERROR;
    const hashes = !options['no-hashes'];
    if (hashes && invocation.out.isTTY) {
      invocation.err.write('These lines hold password hashes: keep them to yourself.\n');
    }
    const human = ({ exported }: { exported: number }) => `Users exported: ${exported}.\n`;
    const presentation = { ...options, human, beside: true };
    const write = (lines: string) => writeTo(invocation.out, lines);
    return doOperation(invocation, 'users export', { hashes }, presentation, { write });
  },
};

/** What to import; a reason instead when it cannot be read. */
async function openLines(
  { input }: Invocation,
  path: string,
): Promise<AsyncIterable<Uint8Array> | string> {
  if (path === '-') return input ? (input() as AsyncIterable<Uint8Array>) : NO_STREAMS.input;
  try {
    const file = await open(path);
    if ((await file.stat()).isDirectory()) {
      await file.close();
      return 'that is a directory';
    }
    return file.createReadStream();
  } catch (error) {
    return whyUnreadable(error);
  }
}

async function writeTo(out: NodeJS.WritableStream, lines: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    // Somebody who has read enough, as head does, ends the command and no more.
    out.once('error', reject);
    out.write(lines, (error) => {
      if (error) return reject(error);
      out.off('error', reject);
      resolve();
    });
  });
}
