import { write, writeSync } from 'node:fs';

/** Text gathered up to this many characters is written without waiting for the timer. */
const BATCH = 64 * 1024;
const FLUSH_INTERVAL_MS = 100;
/** What may wait for a reader that has stopped; beyond it lines are dropped rather than memory. */
const MAX_WAITING = 8 * 1024 * 1024;
const RETRY_MS = 50;
const MAX_SYNC_TRIES = 20;
/** A reader that takes nothing for this many tries in a row, five seconds, loses the batch. */
const MAX_TRIES = 100;

/** Where finished log lines go. */
export interface LogOutput {
  write(line: string): void;
  /** Starts writing what has been gathered. */
  flush(): void;
  /** Writes what has been gathered before it returns, as far as the system takes it. */
  flushSync(): void;
  /** Resolves when all that was written before has been handed over or given up. */
  close(): Promise<void>;
}

/**
 * Writes lines to a file descriptor in batches, off the event loop. A log that cannot be written
 * (a full disk, a closed pipe) loses lines and nothing else: it neither throws nor blocks nor ends
 * the process. That is why it is not sonic-boom, whose `flushSync` then never returns.
 */
export function descriptorOutput(fd: number): LogOutput {
  let gathered = '';
  let inFlight: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (inFlight || gathered === '') return;
    const batch = Buffer.from(gathered);
    gathered = '';
    inFlight = writeAll(fd, batch).then(() => {
      inFlight = undefined;
      if (gathered.length >= BATCH) flush();
      else if (gathered !== '') schedule();
    });
  }

  function schedule(): void {
    timer ??= setTimeout(flush, FLUSH_INTERVAL_MS).unref();
  }

  function flushSync(): void {
    const batch = Buffer.from(gathered);
    gathered = '';
    try {
      writeAllSync(fd, batch);
    } catch {
      // There is nowhere to report that the log cannot be written.
    }
  }

  process.on('exit', flushSync);
  return {
    write(line) {
      if (gathered.length + line.length > MAX_WAITING) return;
      gathered += line;
      if (gathered.length >= BATCH) flush();
      else schedule();
    },
    flush,
    flushSync,
    async close() {
      while (inFlight || gathered !== '') {
        flush();
        await inFlight;
      }
      process.off('exit', flushSync);
    },
  };
}

/** Writes all bytes, trying again when the reader is busy; resolves also when it cannot. */
function writeAll(fd: number, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const next = (at: number, tries: number): void => {
      write(fd, bytes, at, (error, written) => {
        if (error?.code === 'EAGAIN' && tries < MAX_TRIES) {
          setTimeout(next, RETRY_MS, at, tries + 1);
        } else if (error || at + written >= bytes.length) resolve();
        else next(at + written, 0);
      });
    };
    next(0, 0);
  });
}

/** Writes all bytes before it returns; throws when the reader stays busy for a second. */
function writeAllSync(fd: number, bytes: Buffer): void {
  let tries = 0;
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(fd, bytes, at);
      tries = 0;
    } catch (error) {
      tries += 1;
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || tries > MAX_SYNC_TRIES) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
}
