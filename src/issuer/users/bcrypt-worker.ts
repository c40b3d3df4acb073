import { parentPort } from 'node:worker_threads';
import { hashSync } from 'bcryptjs';
import { yieldToOthers } from '../../kit/thread-priority.ts';

/** One bcrypt to be computed. */
export interface BcryptTask {
  readonly password: string;
  /** `$2b$10$` and the salt. */
  readonly setting: string;
}

yieldToOthers();
parentPort?.on('message', ({ password, setting }: BcryptTask) => {
  parentPort?.postMessage(hashSync(password, setting));
});
