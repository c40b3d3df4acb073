import { readlinkSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

/** As `nice`: about a twentieth of a core that another thread could use as well. */
const LOW = 13;

/**
 * Lets this thread alone yield to all others, where the system can do that: on Linux, whose
 * threads have priorities of their own.
 */
export function yieldToOthers(): void {
  try {
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    // A process that an operator has put further back stays there.
    setPriority(thread, Math.max(LOW, getPriority(thread)));
  } catch {
    // Elsewhere all threads are alike.
  }
}
