import { write, writeSync } from 'node:fs';

/** Bytes gathered up to this many are written without waiting for the timer. */
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
  let gathered = byteGatherer();
  // While one is being written the other gathers; both are used again and again.
  let spare = byteGatherer();
  let inFlight: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (inFlight || gathered.size() === 0) return;
    const written = gathered;
    gathered = spare;
    inFlight = writeAll(fd, written.bytes()).then(() => {
      inFlight = undefined;
      written.clear();
      spare = written;
      if (gathered.size() >= BATCH) flush();
      else if (gathered.size() > 0) schedule();
    });
  }

  function schedule(): void {
    timer ??= setTimeout(flush, FLUSH_INTERVAL_MS).unref();
  }

  function flushSync(): void {
    try {
      writeAllSync(fd, gathered.bytes());
    } catch {
      // There is nowhere to report that the log cannot be written.
    }
    gathered.clear();
  }

  process.on('exit', flushSync);
  return {
    write(line) {
      if (gathered.size() + line.length > MAX_WAITING) return;
      gathered.add(line);
      if (gathered.size() >= BATCH) flush();
      else schedule();
    },
    flush,
    flushSync,
    async close() {
      while (inFlight || gathered.size() > 0) {
        flush();
        await inFlight;
      }
      process.off('exit', flushSync);
    },
  };
}

/** The most bytes of UTF-8 that a UTF-16 unit takes. */
const WIDEST = 3;

/**
 * Gathers text as bytes, outside of V8's heap: as strings the lines of a tenth of a second would
 * outlive two collections of young objects, and wait for one of all.
 */
function byteGatherer() {
  let block = Buffer.alloc(0);
  let used = 0;
  return {
    size: () => used,
    bytes: () => block.subarray(0, used),
    add(text: string): void {
      const needed = used + text.length * WIDEST;
      if (needed > block.length) {
        const larger = Buffer.allocUnsafeSlow(Math.max(BATCH, 2 * needed));
        block.copy(larger, 0, 0, used);
        block = larger;
      }
      used += block.write(text, used);
    },
    clear(): void {
      used = 0;
      // What a reader that had stopped made large is given back.
      if (block.length > 4 * BATCH) block = Buffer.alloc(0);
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
