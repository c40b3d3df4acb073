import type { ServerResponse } from 'node:http';
import { AppError, invalidRequest } from '../kit/errors.ts';

/**
 * A signal that aborts when the client leaves before it has its answer: what still waits for its
 * turn need not be done then. Its reason is an `AppError`, which nobody is there to read.
 */
export function departure({ res }: { readonly res: ServerResponse }): AbortSignal {
  const departed = new AbortController();
  const leave = () => {
    if (res.writableFinished) return;
    departed.abort(new AppError(invalidRequest, { detail: 'The client has left.' }));
  };
  if (res.destroyed) leave();
  else res.once('close', leave);
  return departed.signal;
}
