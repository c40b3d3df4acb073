import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const CHUNK = 64 * 1024;

/** Where a stream is kept, and for how long. */
export interface SpoolOptions {
  /** It goes there if there is no directory for temporary files, as in most containers. */
  readonly dataDir: string;
  /** Nothing more is read once it aborts: what reads gets its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Lets `work` read a stream as often as it likes: what it brings goes to a temporary file that has
 * no name any more, so that it takes no memory and nothing stays of it, however this process ends.
 */
export async function spooled<T>(
  source: AsyncIterable<Uint8Array>,
  { dataDir, signal }: SpoolOptions,
  work: (read: () => AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  const file = await nameless(tmpdir()).catch((error) =>
    nameless(dataDir).catch(() => Promise.reject(error)),
  );
  try {
    await file.writeFile(source);
    return await work(() => readAll(file, signal));
  } finally {
    await file.close();
  }
}

async function nameless(directory: string): Promise<FileHandle> {
  const path = join(directory, `keyturn-${randomUUID()}`);
  const file = await open(path, 'wx+', 0o600);
  await rm(path);
  return file;
}

async function* readAll(file: FileHandle, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  for (let position = 0; ; ) {
    signal?.throwIfAborted();
    // A buffer of its own each time: what was handed on may be held a while.
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
