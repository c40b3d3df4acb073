import { type AppError, unavailableError } from '../../kit/errors.ts';

/**
 * Something about the keys that only an operator can mend. It stops the start (exit status 78);
 * the message says what to do.
 */
export class KeyTrouble extends Error {
  override readonly name = 'KeyTrouble';
}

/** 503: this process may not sign just now, because it cannot read the state of the keys. */
export const cannotSign = (): AppError =>
  unavailableError('No signing key may be used just now; try again shortly.', 2);
