import { enableCompileCache, flushCompileCache } from 'node:module';
import { availableParallelism } from 'node:os';
import { loadProgram } from './cli/program.ts';
import { isReaderGone, READER_GONE } from './cli/reader-gone.ts';
import { threadPoolSize } from './cli/thread-pool.ts';
import { withoutFetch } from './cli/without-fetch.ts';
import { COMPILED, restartServer } from './restart.js';

// libuv looks when its first thread is needed; a flood of logins must not keep refreshes from signing.
process.env.UV_THREADPOOL_SIZE ??= String(threadPoolSize(availableParallelism()));

restartServer();
withoutFetch();
// Half of a start is reading and compiling; what was compiled is kept, where that can be written.
enableCompileCache(COMPILED);
const { run } = await loadProgram();
flushCompileCache();

// A reader that has seen enough is no fault to report.
process.stdout.on('error', (error) => {
  if (!isReaderGone(error)) throw error;
  process.exitCode = READER_GONE;
});
const status = await run({
  argv: process.argv.slice(2),
  env: process.env,
  out: process.stdout,
  err: process.stderr,
  input: () => process.stdin,
});
process.exitCode ??= status;
