import { randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import type pg from 'pg';
import { type HashCost, loadHash } from './argon2.ts';
import type { SignClaims, Signing } from './signing.ts';

const SELECT = {
  name: 'find',
  text: 'select id, salt, password_hash, claims from accounts where email = $1',
};
const INSERT = {
  name: 'open',
  text: `insert into logins (id, user_id, secret_hash, created_at, expires_at)
    values ($1, $2, $3, $4, $5)`,
};
const LIFETIME = 604_800_000;

interface AccountRow {
  readonly id: string;
  readonly salt: Buffer;
  readonly password_hash: Buffer;
  readonly claims: object;
}

/** What a login takes besides the database. */
export interface LoginNeeds {
  readonly cost: HashCost;
  /** Hashes at once. */
  readonly inFlight: number;
}

type InTurn = (password: Buffer, salt: Buffer) => Promise<Buffer>;

/** Hashes in the order of their asking, so many at once. */
async function hashInTurn({ cost, inFlight }: LoginNeeds): Promise<InTurn> {
  const { hash } = await loadHash();
  const lanes = Array.from({ length: inFlight }, (): Promise<unknown> => Promise.resolve());
  let asked = 0;
  return (password, salt) => {
    const lane = asked++ % inFlight;
    const made = Promise.resolve(lanes[lane]).then(() => hash(password, salt, cost));
    lanes[lane] = made.catch(() => {});
    return made;
  };
}

/**
 * The least that a login does: one prepared SELECT, the hash, one prepared INSERT, and the answer
 * with what `sign` makes of the claims. Nothing is validated, limited, logged or checked again.
 */
export async function openLogin(
  pool: pg.Pool,
  needs: LoginNeeds,
): Promise<(body: string, sign: SignClaims) => ReturnType<Signing['answer']>> {
  const hash = await hashInTurn(needs);
  return (body, sign) => letIn({ pool, hash }, body, sign);
}

async function letIn(
  { pool, hash }: { readonly pool: pg.Pool; readonly hash: InTurn },
  body: string,
  sign: SignClaims,
): ReturnType<Signing['answer']> {
  const { email, password } = JSON.parse(body) as { email: string; password: string };
  const { rows } = await pool.query<AccountRow>({ ...SELECT, values: [email] });
  const [account] = rows;
  if (!account) return { status: 401, answer: {} };
  const made = await hash(Buffer.from(password), account.salt);
  if (!timingSafeEqual(made, account.password_hash)) return { status: 401, answer: {} };
  const [id, secret, now] = [randomUUID(), randomBytes(32), Date.now()];
  const dates = [new Date(now), new Date(now + LIFETIME)];
  await pool.query({ ...INSERT, values: [id, account.id, secret, ...dates] });
  const iat = Math.floor(now / 1000);
  const about = { exp: iat + 900, iat, jti: randomUUID(), sid: id };
  return {
    status: 200,
    answer: {
      access_token: await sign({ ...about, ...account.claims }),
      token_type: 'Bearer',
      expires_in: 900,
      refresh_token: `${id}.${secret.toString('base64url')}`,
      refresh_expires_in: LIFETIME / 1000,
    },
  };
}
