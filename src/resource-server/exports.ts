/**
 * What `keyturn/resource-server` gives to other services: a verifier of one issuer's access tokens,
 * and how the usual frameworks use it.
 */
export type { AccessTokenClaims } from '../jwt/claims.ts';
export { AppError as Refusal } from '../kit/errors.ts';
export {
  type ClaimsHandler,
  type ExpressRequest,
  expressVerifier,
  type FastifyReply,
  type FastifyRequest,
  fastifyVerifier,
  type KoaContext,
  koaVerifier,
  requireToken,
} from './adapters.ts';
export { JwksFault, type JwksFaultKind } from './jwks-fault.ts';
export {
  createVerifier,
  type DurationText,
  type Verifier,
  type VerifierEvent,
  type VerifierOptions,
} from './verifier.ts';
