import { type LoginNeeds, openLogin } from './let-in.ts';
import { openPool, swapToken } from './swap.ts';

/** What a limit that signs is started with. */
export interface SigningNeeds {
  readonly databaseUrl: string;
  /** Its requests are logins; refreshes when absent. */
  readonly login?: LoginNeeds | undefined;
}

/** Makes an access token. */
export type SignClaims = (claims: Readonly<Record<string, unknown>>) => string | Promise<string>;

/** What answers the requests of a limit that signs. */
export interface Signing {
  answer(body: string): Promise<{ readonly status: number; readonly answer: object }>;
  close(): void;
}

/** Connects to what the bench has filled, to log people in or to swap tokens. */
export async function openSigning(
  { databaseUrl, login }: SigningNeeds,
  sign: SignClaims,
): Promise<Signing> {
  const pool = openPool(databaseUrl);
  const letIn = login && (await openLogin(pool, login));
  return {
    answer: (body) => (letIn ? letIn(body, sign) : swapToken(pool, body, sign)),
    close: () => void pool.end(),
  };
}
