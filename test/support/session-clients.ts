import type { Delivery } from '../../src/issuer/sessions/machine.ts';
import { after, milliseconds } from '../../src/kit/duration.ts';
import { type Outcome, refresh } from './session-model.ts';
import type { Token, World } from './session-table.ts';

/** Does a refresh without anything between its statements. */
export function refreshAtOnce(world: World, token: Token, delivery: Delivery): Outcome {
  const steps = refresh(world, token, delivery);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** Lets time pass, in milliseconds. */
export function pass(world: World, gap: number): void {
  world.now = after(world.now, milliseconds(gap));
}

/**
 * Lets sessions grow old: `rotations` refreshes of each, six days apart. Four bring them within a
 * token's life of their maximum.
 * @param tokens their current tokens
 * @returns their current tokens afterwards
 */
export function growOld(
  world: World,
  tokens: readonly Token[],
  rotations: number,
): readonly Token[] {
  if (rotations === 0) return tokens;
  pass(world, 6 * 86_400_000);
  const successors = tokens.map((token) => {
    const outcome = refreshAtOnce(world, token, 'body');
    if (!('token' in outcome)) throw new Error(`a session that did not grow old: ${outcome.kind}`);
    return outcome.token;
  });
  return growOld(world, successors, rotations - 1);
}
