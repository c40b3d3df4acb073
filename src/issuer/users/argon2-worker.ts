import { parentPort } from 'node:worker_threads';
import { hashRawSync, type Options } from '@node-rs/argon2';
import { yieldToOthers } from '../../kit/thread-priority.ts';

/** One Argon2 as the package takes it. */
export interface RawTask {
  readonly password: Uint8Array;
  readonly options: Options;
}

// Whoever waits for a signature or a refresh is not to wait for passwords as well.
yieldToOthers();
parentPort?.on('message', (tasks: readonly RawTask[]) => {
  parentPort?.postMessage(tasks.map(({ password, options }) => hashRawSync(password, options)));
});
