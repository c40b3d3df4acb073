import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { createVerifier } from '../../src/resource-server/verifier.ts';
import { quantile } from '../harness/statistics.ts';

/** What to measure: who verifies, and whether each token has been shown before. */
export interface VerifyRun {
  readonly milliseconds: number;
  readonly who: 'keyturn' | 'jose';
  readonly tokens: 'seen' | 'new';
}

/** What came of it. */
export interface VerifyResult {
  /** Tokens a second. */
  readonly rate: number;
  /** Of one verification at a time, in milliseconds. */
  readonly p99: number;
}

type Verify = (token: string) => Promise<unknown>;

const TOKENS = 1000;
/** So many at once: jose's work is done by threads, which are idle between two otherwise. */
const IN_FLIGHT = 16;
const KID = 'a-key';
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const jwks = {
  keys: [{ ...publicKey.export({ format: 'jwk' }), kid: KID, use: 'sig', alg: 'RS256' }],
};

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function signToken(issuer: string): string {
  const iat = Math.floor(Date.now() / 1000);
  const head = encode({ alg: 'RS256', kid: KID, typ: 'at+jwt' });
  const more = { email: 'ada@example.com', email_verified: false, name: 'Ada Lovelace' };
  const ids = { sub: randomUUID(), sid: randomUUID(), jti: randomUUID(), client_id: 'keyturn' };
  const times = { iat, exp: iat + 3600, auth_time: iat };
  const input = `${head}.${encode({ iss: issuer, aud: issuer, ...ids, ...times, ...more })}`;
  return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`;
}

/** A verifier that has its keys and has seen no token. */
async function fresh(who: VerifyRun['who'], issuer: string): Promise<Verify> {
  if (who === 'keyturn') {
    const verify = createVerifier({ issuer, audience: issuer, jwksUri: `${issuer}/jwks` });
    await verify.start();
    return verify;
  }
  const keys = createLocalJWKSet(jwks);
  const algorithms = ['RS256'];
  const requiredClaims = ['sub', 'iat', 'exp', 'jti', 'client_id'];
  const options = { issuer, audience: issuer, algorithms, requiredClaims, typ: 'at+jwt' };
  return (token) => jwtVerify(token, keys, options);
}

async function measure(run: VerifyRun, issuer: string, tokens: readonly string[]) {
  let verify = await fresh(run.who, issuer);
  const pass = async (): Promise<number> => {
    if (run.tokens === 'new') verify = await fresh(run.who, issuer);
    const started = performance.now();
    for (let i = 0; i < tokens.length; i += IN_FLIGHT) {
      await Promise.all(tokens.slice(i, i + IN_FLIGHT).map(verify));
    }
    return performance.now() - started;
  };
  await pass();
  let [spent, done] = [0, 0];
  for (const until = performance.now() + run.milliseconds; performance.now() < until; ) {
    spent += await pass();
    done += tokens.length;
  }
  if (run.tokens === 'new') verify = await fresh(run.who, issuer);
  const latencies: number[] = [];
  for (const token of tokens) {
    const started = performance.now();
    await verify(token);
    latencies.push(performance.now() - started);
  }
  const p99 = quantile(Float64Array.from(latencies).sort(), 0.99);
  const result: VerifyResult = { rate: (done * 1000) / spent, p99 };
  process.send?.(result);
}

// The issuer is a listener in this process: it is asked once a verifier, outside of what is timed.
const server = createServer((_, response) => void response.end(JSON.stringify(jwks)));
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tokens = Array.from({ length: TOKENS }, () => signToken(issuer));
  process.on('message', (run: VerifyRun) => void measure(run, issuer, tokens));
});
process.once('disconnect', () => {
  server.close();
  server.closeAllConnections();
});
