import type { Database } from '../db/database.ts';
import type { AppRouter } from '../http/context.ts';
import { tokenMissing } from '../jwt/errors.ts';
import type { Clock } from '../kit/clock.ts';
import { type Duration, milliseconds } from '../kit/duration.ts';
import { type CrossUserAccess, todoRoutes } from './routes.ts';
import { deleteTodosOf } from './store.ts';
import { createVerifier, type Verifier, type VerifierEvent } from './verifier.ts';

/** What the resource server is made from: of the issuer it knows a URL. */
export interface ResourceServerDeps {
  readonly database: Pick<Database, 'db'>;
  readonly clock: Clock;
  readonly issuer: string;
  readonly audience: string;
  /** Where the keys are; by the issuer's metadata when undefined. */
  readonly jwksUri: string | undefined;
  readonly jwksCacheTtl: Duration;
  /** No fetched key is used for longer, wherever the issuer is: it reckons with that. */
  readonly verifierCacheTtl: Duration;
  readonly clockSkew: Duration;
  /** Told about each attempt at another user's todos. */
  readonly report: (access: CrossUserAccess) => void;
  readonly onEvent?: (event: VerifierEvent) => void;
}

/** A resource server, which has no keys yet. */
export interface ResourceServer {
  readonly routes: AppRouter;
  /** @throws JwksFault when there are no keys to be had for so long; the signal's reason */
  start(patience: Duration, signal: AbortSignal): Promise<void>;
  /** Deletes everything that it keeps of users, for whoever knows that they are gone. */
  forgetUsers(userIds: readonly string[]): Promise<void>;
  /** What keeps it from serving, in words. */
  troubles(): readonly string[];
}

/** Makes a resource server on a migrated database. */
export function createResourceServer(deps: ResourceServerDeps): ResourceServer {
  const { issuer, audience, jwksUri, clockSkew, clock } = deps;
  const verify: Verifier = createVerifier({
    issuer,
    audience,
    jwksUri,
    clockSkew,
    clock,
    cacheTtl: deps.jwksCacheTtl,
    maxStale: milliseconds(Math.max(0, deps.verifierCacheTtl - deps.jwksCacheTtl)),
    ...(deps.onEvent && { onEvent: deps.onEvent }),
  });
  return {
    routes: todoRoutes({
      ...deps,
      verify,
      onMissing: () => deps.onEvent?.({ type: 'validated', result: tokenMissing.code }),
    }),
    start: verify.start,
    forgetUsers: (userIds) => deleteTodosOf(deps.database.db, userIds),
    troubles: () => (verify.ready() ? [] : ["the resource server has not got the issuer's keys"]),
  };
}
