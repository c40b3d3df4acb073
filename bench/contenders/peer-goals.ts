import type { Goal } from '../harness/result.ts';

/** How many times a peer's rate Keyturn's is to be, by call; where nothing is said, ahead. */
export const GOALS: Readonly<
  Record<'login' | 'token' | 'read' | 'jwks', Readonly<Record<string, number>>>
> = {
  login: { 'Better Auth': 1.9 },
  token: { 'Better Auth': 5, 'oidc-provider': 1.6 },
  read: { 'Better Auth': 8, 'oidc-provider': 1.8 },
  jwks: { 'oidc-provider': 2.3 },
};

/** Less than each other; the first is Keyturn's. */
export function ahead(
  what: string,
  names: readonly string[],
  [ours, ...others]: readonly (number | undefined)[],
): Goal[] {
  return others.flatMap((theirs, at) => {
    if (ours === undefined || theirs === undefined) return [];
    return {
      text: `peers: ${what}: less than ${names[at + 1]}`,
      value: `${ours.toFixed(1)} beside ${theirs.toFixed(1)}`,
      reached: ours < theirs,
    };
  });
}
