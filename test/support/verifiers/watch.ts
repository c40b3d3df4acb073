import { setTimeout as pause } from 'node:timers/promises';
import { claimsOf } from '../client.ts';
import type { Verifier } from './verifier.ts';

/** Shows tokens to verifiers again and again until they expire. */
export interface TokenWatch {
  readonly tokens: number;
  readonly verifications: number;
  /** Who refused an unexpired token, and why; nobody should. */
  readonly failures: readonly string[];
  add(token: string): void;
  /** Resolves when the last token has expired; add none any more. */
  finish(): Promise<void>;
}

/** Between two rounds, in milliseconds: what is new is shown at once. */
const ROUND = 200;

/** Starts to watch. */
export function watchTokens(verifiers: readonly Verifier[]): TokenWatch {
  const live = new Map<string, number>();
  const failures: string[] = [];
  let tokens = 0;
  let verifications = 0;
  let finishing = false;

  const show = async (verifier: Verifier, token: string, expiresAt: number): Promise<void> => {
    try {
      await verifier.verify(token);
    } catch (error) {
      // Only while a refusal means something: the token may have expired meanwhile.
      const left = expiresAt - Date.now();
      if (left > 0) failures.push(`${verifier.name}: ${error}, ${left} ms before it expired`);
      return;
    }
    verifications++;
  };
  const showAll = async (token: string, expiresAt: number): Promise<void> => {
    await Promise.all(verifiers.map((verifier) => show(verifier, token, expiresAt)));
  };
  const rounds = async () => {
    while (!finishing || live.size > 0) {
      for (const [token, expiresAt] of live) {
        if (Date.now() >= expiresAt) live.delete(token);
        else await showAll(token, expiresAt);
      }
      await pause(ROUND);
    }
  };
  const running = rounds();

  return {
    get tokens() {
      return tokens;
    },
    get verifications() {
      return verifications;
    },
    failures,
    add(token) {
      const expiresAt = Number(claimsOf(token).exp) * 1000;
      tokens++;
      live.set(token, expiresAt);
      void showAll(token, expiresAt);
    },
    async finish() {
      finishing = true;
      await running;
    },
  };
}
