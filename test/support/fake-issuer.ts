import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encoded, signed } from '../http/forgery.ts';

/** A key pair under a kid. */
export interface FakeKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  /** What belongs into the JWKS. */
  readonly jwk: Readonly<Record<string, unknown>>;
}

/** How a path is answered: a document as JSON with 200, or whatever the function does. */
export type Answer = object | ((response: ServerResponse) => void);

/** An issuer that is not Keyturn, and does what a test wants. */
export interface FakeIssuer {
  readonly url: string;
  readonly jwksUri: string;
  /** Paths that were asked for, in order. */
  readonly requests: string[];
  /** How often the JWKS was asked for. */
  fetches(): number;
  /** Answers at the metadata's path from now on. */
  metadata: Answer;
  /** Answers at the JWKS's path from now on. */
  jwks: Answer;
  /** Ends every connection from now on, or not. */
  away: boolean;
  close(): Promise<void>;
}

/** The path of the metadata. */
export const METADATA = '/.well-known/openid-configuration';

/** Makes a key pair; a kid of its own unless given. */
export function fakeKey(kid: string = randomUUID(), modulusLength = 2048): FakeKey {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' };
  return { kid, privateKey, jwk };
}

/** A JWK Set of keys. */
export const jwkSet = (...keys: readonly FakeKey[]) => ({ keys: keys.map(({ jwk }) => jwk) });

/** A good token of an issuer, for itself as the audience unless the claims say otherwise. */
export function fakeToken(
  issuer: Pick<FakeIssuer, 'url'>,
  { kid, privateKey }: FakeKey,
  now: Date,
  claims: Readonly<Record<string, unknown>> = {},
): string {
  const iat = Math.floor(now.getTime() / 1000);
  const good = {
    iss: issuer.url,
    sub: 'somebody',
    aud: issuer.url,
    exp: iat + 900,
    iat,
    jti: randomUUID(),
    client_id: 'a-client',
  };
  const header = { alg: 'RS256', kid, typ: 'at+jwt' };
  return signed(`${encoded(header)}.${encoded({ ...good, ...claims })}`, privateKey);
}

/** Starts an issuer that publishes these keys. */
export async function startFakeIssuer(...keys: readonly FakeKey[]): Promise<FakeIssuer> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url ?? '');
    const answer = { [METADATA]: issuer.metadata, '/jwks': issuer.jwks }[request.url ?? ''];
    if (issuer.away) response.destroy();
    else if (typeof answer === 'function') answer(response);
    else response.writeHead(answer ? 200 : 404).end(JSON.stringify(answer));
  });
  server.listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const jwksUri = `${url}/jwks`;
  const issuer: FakeIssuer = {
    url,
    jwksUri,
    requests,
    fetches: () => requests.filter((path) => path === '/jwks').length,
    metadata: { issuer: url, jwks_uri: jwksUri },
    jwks: jwkSet(...keys),
    away: false,
    async close() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
  return issuer;
}
