import type { ErrorSpec } from '../kit/errors.ts';

/** A call that needs a bearer token came without one (RFC 6750 section 3.1). */
export const tokenMissing: ErrorSpec = {
  status: 401,
  code: 'token_missing',
  title: 'A bearer token is required',
  bearer: 'none',
};

/** Not a strict JWS, or its header is one that is never accepted. */
export const tokenMalformed: ErrorSpec = {
  status: 401,
  code: 'token_malformed',
  title: 'The access token is malformed',
  bearer: 'invalid_token',
};

/** Signed by a key that is not published, or not by it. */
export const tokenSignatureInvalid: ErrorSpec = {
  status: 401,
  code: 'token_signature_invalid',
  title: "The access token's signature is not valid",
  bearer: 'invalid_token',
};

/** A good signature over claims that do not fit here. */
export const tokenClaimsInvalid: ErrorSpec = {
  status: 401,
  code: 'token_claims_invalid',
  title: "The access token's claims are not valid here",
  bearer: 'invalid_token',
};

/** Everything is right but that its time is over. */
export const tokenExpired: ErrorSpec = {
  status: 401,
  code: 'token_expired',
  title: 'The access token has expired',
  bearer: 'invalid_token',
};

/** How a bearer token may be judged, in the order of the judging. */
export const BEARER_ERRORS: readonly ErrorSpec[] = [
  tokenMissing,
  tokenMalformed,
  tokenSignatureInvalid,
  tokenClaimsInvalid,
  tokenExpired,
];
