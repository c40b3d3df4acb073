import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';

/** Small: what is computed there keeps nothing in JavaScript. */
const RESOURCES = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32 };

/**
 * A thread keeps no compile cache unless told to, and would load the compiler that strips types
 * (17 MiB) for a module of a dozen lines.
 */
const BOOT = `const { workerData } = require('node:worker_threads');
const { enableCompileCache, flushCompileCache } = require('node:module');
if (workerData.cache !== undefined) enableCompileCache(workerData.cache);
import(workerData.url).then(() => flushCompileCache());`;

/** Packed, there is JavaScript beside this file, and beside whoever names a module of TypeScript. */
const PACKED = import.meta.url.endsWith('.js');

const asInstalled = ({ href }: URL): string => (PACKED ? href.replace(/\.ts$/, '.js') : href);

function startThread(url: URL): Worker {
  const own = getCompileCacheDir();
  // What is asked for is the folder above; below it each release of Node.js has its own.
  const workerData = { url: asInstalled(url), cache: own && dirname(own) };
  const limits = { env: {}, execArgv: [], resourceLimits: RESOURCES };
  return new Worker(BOOT, { ...limits, eval: true, workerData });
}

/**
 * Makes a function that has tasks done by the module at `url`, on as many threads as there are
 * tasks at once; who calls it bounds how many that are. Threads that wait for work keep no process.
 * The module answers each message by one; what it throws rejects the task and ends the thread.
 */
export function onThreads<Task, Answer>(url: URL): (task: Task) => Promise<Answer> {
  const idle: Worker[] = [];
  return (task) => {
    const worker = idle.pop() ?? startThread(url);
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const onMessage = (answer: Answer) => {
      leave();
      idle.push(worker);
      resolve(answer);
    };
    const onError = (error: Error) => {
      leave();
      reject(error);
    };
    const onExit = () => onError(new Error('a thread ended in the middle of its task'));
    const leave = () => {
      worker.off('message', onMessage).off('error', onError).off('exit', onExit).unref();
    };
    worker.on('message', onMessage).on('error', onError).on('exit', onExit).ref();
    worker.postMessage(task);
    return promise;
  };
}
