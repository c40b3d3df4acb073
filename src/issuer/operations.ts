import { z } from 'zod';
import type { Operation } from '../http/operation.ts';
import { unavailable } from '../kit/errors.ts';
import { ACCOUNT_OPERATIONS } from './accounts/operations.ts';
import { LOGIN_OPERATIONS } from './login/operations.ts';
import { SESSION_OPERATIONS } from './sessions/operations.ts';

const jwks = z
  .strictObject({
    keys: z.array(
      z.strictObject({
        kty: z.literal('RSA'),
        use: z.literal('sig'),
        kid: z.string().meta({ description: 'The RFC 7638 thumbprint.' }),
        alg: z.literal('RS256'),
        n: z.string(),
        e: z.string(),
      }),
    ),
  })
  .meta({ id: 'JwkSet' });

const served = {
  issuer: z.url(),
  jwks_uri: z.url(),
  response_types_supported: z.array(z.string()),
  grant_types_supported: z.array(z.string()),
};
const authorizationServer = z.strictObject(served).meta({ id: 'AuthorizationServer' });
const openidProvider = z
  .strictObject({
    ...served,
    subject_types_supported: z.array(z.string()),
    id_token_signing_alg_values_supported: z.array(z.string()),
  })
  .meta({ id: 'OpenidProvider' });

const open = { tag: 'Verifying tokens', fromMemory: true, errors: [unavailable] } as const;

/** What the issuer serves. */
export const ISSUER_OPERATIONS: readonly Operation[] = [
  ...LOGIN_OPERATIONS,
  ...ACCOUNT_OPERATIONS,
  ...SESSION_OPERATIONS,
  {
    ...open,
    call: 'GET /.well-known/jwks.json',
    id: 'getJwks',
    summary: 'The public keys',
    description: 'Keep them for as long as `Cache-Control` says; fetch anew for an unknown `kid`.',
    answers: {
      200: {
        description: 'Every key that a token may be signed by, and the next one.',
        body: jwks,
        mediaType: 'application/jwk-set+json',
        headers: ['ETag', 'Cache-Control'],
      },
      304: { description: '`If-None-Match` names this version.', headers: ['ETag'] },
    },
  },
  {
    ...open,
    call: 'GET /.well-known/openid-configuration',
    id: 'getOpenidConfiguration',
    summary: 'Metadata by OpenID Connect Discovery',
    answers: {
      200: {
        description: 'What is served here.',
        body: openidProvider,
        headers: ['Cache-Control'],
      },
    },
  },
  {
    ...open,
    call: 'GET /.well-known/oauth-authorization-server',
    id: 'getAuthorizationServer',
    summary: 'Metadata by RFC 8414',
    answers: {
      200: {
        description: 'What is served here.',
        body: authorizationServer,
        headers: ['Cache-Control'],
      },
    },
  },
];
