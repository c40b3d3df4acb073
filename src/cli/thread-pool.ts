/** Node's own size of libuv's thread pool. */
const DEFAULT = 4;
/** Threads that hashing never takes: for signatures and files. */
const SPARE = 2;

/** How many threads libuv needs, when hashing passwords may take one for every core but one. */
export const threadPoolSize = (cores: number): number => Math.max(DEFAULT, cores - 1 + SPARE);
