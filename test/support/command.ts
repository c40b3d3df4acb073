import { Writable } from 'node:stream';
import { run } from '../../src/cli.ts';
import { type Env, PRODUCTION } from './config.ts';

/** What a command answered. */
export interface CommandAnswer {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command in this process, as production would with `env` besides. */
export async function runCommand(argv: readonly string[], env: Env = {}): Promise<CommandAnswer> {
  const [out, err] = [sink(), sink()];
  const status = await run({ argv, env: { ...PRODUCTION, ...env }, out, err });
  return { status, out: out.text(), err: err.text() };
}

function sink(): Writable & { text(): string } {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      chunks.push(String(chunk));
      done();
    },
  });
  return Object.assign(stream, { text: () => chunks.join('') });
}
