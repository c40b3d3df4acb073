import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import pg from 'pg';
import type { SignClaims, Signing } from './signing.ts';

const UPDATE = {
  name: 'rotate',
  text: `update tokens set previous_hash = current_hash, current_hash = $3,
    generation = generation + 1, rotated_at = $4, expires_at = $5
    where id = $1 and current_hash = $2 and expires_at > $4 returning claims`,
};
const CONNECTIONS = 10;
const ISSUER = 'http://localhost:3000';

/** Connects to the table that the bench has filled. */
export const openPool = (databaseUrl: string): pg.Pool =>
  new pg.Pool({ connectionString: databaseUrl, max: CONNECTIONS });

/**
 * The least that a refresh does: one prepared UPDATE that swaps the token's hash, and the answer
 * with what `sign` makes of the claims. Nothing is validated, logged or recovered.
 */
export async function swapToken(
  pool: pg.Pool,
  body: string,
  sign: SignClaims,
): ReturnType<Signing['answer']> {
  const { refresh_token: token } = JSON.parse(body) as { refresh_token: string };
  const id = token.slice(0, 36);
  const next = `${id}.${randomBytes(32).toString('base64url')}`;
  const now = Date.now();
  const values = [id, digest(token), digest(next), new Date(now), new Date(now + 604_800_000)];
  const { rows } = await pool.query<{ claims: object }>({ ...UPDATE, values });
  if (!rows[0]) return { status: 401, answer: {} };
  const iat = Math.floor(now / 1000);
  const about = { iss: ISSUER, aud: ISSUER, exp: iat + 900, iat, jti: randomUUID() };
  return {
    status: 200,
    answer: {
      access_token: await sign({ ...about, ...rows[0].claims }),
      token_type: 'Bearer',
      expires_in: 900,
      refresh_token: next,
      refresh_expires_in: 604_800,
    },
  };
}

const digest = (token: string): Buffer => createHash('sha256').update(token).digest();

/** The body of a request of ASCII. */
export function readBody(req: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    req.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    req.on('end', () => resolve(text));
    req.on('error', reject);
  });
}
