import { expect, onTestFinished } from 'vitest';
import { type ManualClock, manualClock } from '../../src/kit/clock.ts';
import {
  createVerifier,
  type Verifier,
  type VerifierEvent,
  type VerifierOptions,
} from '../../src/resource-server/verifier.ts';
import {
  type FakeIssuer,
  type FakeKey,
  fakeKey,
  fakeToken,
  startFakeIssuer,
} from './fake-issuer.ts';

/** The key that an issuer publishes to begin with, and another one. */
export const first = fakeKey('first');
export const second = fakeKey('second');

/** An issuer and a verifier of its tokens, in a time that stands still. */
export interface VerifierScene {
  readonly issuer: FakeIssuer;
  readonly clock: ManualClock;
  readonly verify: Verifier;
  readonly events: readonly VerifierEvent[];
  /** A good token, but for these claims. */
  token(key?: FakeKey, claims?: Readonly<Record<string, unknown>>): string;
}

/** Sets a scene for one test. */
export async function verifierScene(
  options: Partial<VerifierOptions> = {},
): Promise<VerifierScene> {
  const issuer = await startFakeIssuer(first);
  onTestFinished(() => issuer.close());
  const clock = manualClock();
  const events: VerifierEvent[] = [];
  const verify = createVerifier({
    issuer: issuer.url,
    audience: issuer.url,
    clock,
    onEvent: (event) => events.push(event),
    ...options,
  });
  const token: VerifierScene['token'] = (key = first, claims = {}) =>
    fakeToken(issuer, key, clock.now(), claims);
  return { issuer, clock, verify, events, token };
}

const refused = (code: string) => expect.objectContaining({ code });
/** What a verifier rejects with. */
export const UNKNOWN = refused('token_signature_invalid');
export const UNAVAILABLE = refused('unavailable');
