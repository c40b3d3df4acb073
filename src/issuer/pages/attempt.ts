import type { AppContext } from '../../http/context.ts';
import { AppError } from '../../kit/errors.ts';
import { type Faults, faultsOf } from './faults.ts';

/**
 * Does what a form asks for. An error of ours that its sender can do something about shows the form
 * again, with the error's status; any other goes on to the edge.
 * @param names the form's fields, as they stand on the page
 */
export async function attempt(
  ctx: AppContext,
  names: readonly string[],
  work: () => Promise<void>,
  showAgain: (faults: Faults, status: number) => void,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    const faults = error instanceof AppError ? faultsOf(error, names) : undefined;
    if (!(error instanceof AppError) || !faults) throw error;
    for (const [name, value] of Object.entries(error.extras.headers ?? {})) ctx.set(name, value);
    const { retryAfter } = error.extras;
    if (retryAfter !== undefined) ctx.set('Retry-After', String(retryAfter));
    showAgain(faults, error.status);
  }
}
