import { onThreads } from '../../kit/threads.ts';
import type { BcryptTask } from './bcrypt-worker.ts';

const WORKER = new URL('./bcrypt-worker.ts', import.meta.url);

/**
 * Computes bcrypt on a thread of its own: in JavaScript it would hold everything else up. The gate
 * on hashing bounds how many there are at once.
 * @returns the whole hash, setting included
 */
export const bcrypt: (task: BcryptTask) => Promise<string> = onThreads(WORKER);
