import { randomUUID } from 'node:crypto';
import { type Duration, toSeconds } from '../../kit/duration.ts';
import type { SessionId } from '../../kit/id.ts';
import type { Keyring } from '../keys/keyring.ts';
import type { Grant } from './store.ts';

/** What access tokens are made with. */
export interface AccessTokenDeps {
  readonly keyring: Pick<Keyring, 'sign'>;
  readonly issuer: string;
  readonly audience: string;
  readonly accessTokenTtl: Duration;
}

/** Makes a signed access token for a session (RFC 9068). @throws AppError 503 without a signer */
export function issueAccessToken(
  deps: AccessTokenDeps,
  sessionId: SessionId,
  grant: Grant,
  now: Date,
): Promise<string> {
  const issuedAt = Math.floor(now.getTime() / 1000);
  return deps.keyring.sign(
    JSON.stringify({
      iss: deps.issuer,
      sub: grant.userId,
      aud: deps.audience,
      exp: issuedAt + toSeconds(deps.accessTokenTtl),
      iat: issuedAt,
      jti: randomUUID(),
      client_id: grant.clientId,
      sid: sessionId,
      ...grant.claims,
      auth_time: Math.floor(grant.createdAt.getTime() / 1000),
    }),
  );
}
