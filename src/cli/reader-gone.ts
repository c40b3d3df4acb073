/** What a command exits with whose reader left: what a shell says of one that SIGPIPE ended. */
export const READER_GONE = 141;

/** Whether writing failed because nobody reads any more, as after `| head`. */
export const isReaderGone = (error: unknown): boolean =>
  (error as NodeJS.ErrnoException | undefined)?.code === 'EPIPE';
