import { AppError } from './errors.ts';

/** Does `work`, and says how it ended: `ok`, the code of an `AppError`, or `internal`. */
export async function reporting<T>(
  report: (result: string) => void,
  work: () => Promise<T>,
): Promise<T> {
  try {
    const done = await work();
    report('ok');
    return done;
  } catch (error) {
    report(error instanceof AppError ? error.code : 'internal');
    throw error;
  }
}
