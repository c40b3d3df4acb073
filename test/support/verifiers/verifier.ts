import type { Duration } from '../../../src/kit/duration.ts';

/** What a verifier of another service is told: where the keys are, and whom to believe. */
export interface Trust {
  readonly jwksUrl: string;
  readonly issuer: string;
  readonly audience: string;
  /** How long it keeps what it fetched. */
  readonly keeps: Duration;
}

/** A verifier of another service, with a cache of its own. */
export interface Verifier {
  readonly name: string;
  /** Its kind in the table of `keys revoke`; undefined for one that is the tests' own. */
  readonly kind?: string;
  /** Resolves for a good access token, throws otherwise. */
  verify(token: string): Promise<void>;
}
