import { type Delivery, judge, type Verdict } from '../../src/issuer/sessions/machine.ts';
import {
  type Commit,
  derive,
  end,
  hashOf,
  type Row,
  recover,
  rotate,
  type Token,
  WINDOW,
  type World,
} from './session-table.ts';

/** As often as the refresh looks again before it gives up. */
const ATTEMPTS = 4;

/** What a refresh came to, and when by its own clock. */
export type Outcome =
  | {
      readonly kind: 'refreshed' | 'fresh' | 'replayed' | 'recovered';
      readonly token: Token;
      readonly row: Row;
      readonly now: Date;
    }
  | {
      readonly kind: 'refused';
      readonly verdict: Verdict & ('over' | 'expired' | 'ahead' | 'stolen');
      readonly now: Date;
    }
  | { readonly kind: 'unavailable'; readonly why: string };

/** An outcome in one word. */
export const what = (outcome: Outcome): string =>
  outcome.kind === 'refused' ? outcome.verdict : outcome.kind;

/**
 * A refresh as the orchestrator does it, driven by the machine. It stops before each statement, so
 * that a test can put any other request between two of them.
 */
export function* refresh(
  world: World,
  token: Token,
  delivery: Delivery,
): Generator<undefined, Outcome> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { now } = world;
    yield;
    const rotated = rotate(world, token, delivery, now);
    if (rotated) return answer('refreshed', rotated);
    yield;
    const row = world.rows.get(token.sessionId);
    const presented = { generation: token.generation, hash: hashOf(token) };
    const verdict = judge(row, presented, delivery, WINDOW, now);
    if (!row || verdict === 'over' || verdict === 'expired') {
      return { kind: 'refused', verdict: verdict === 'expired' ? verdict : 'over', now };
    }
    if (verdict === 'fresh') return { kind: 'fresh', token, row, now };
    if (verdict === 'replayable') return replay(token, row, now);
    if (verdict === 'recoverable') {
      yield;
      const recovered = recover(world, token, delivery, row.generation, now);
      if (recovered) return answer('recovered', recovered);
    }
    if (verdict === 'ahead' || verdict === 'stolen') {
      yield;
      end(world, token.sessionId, verdict, now);
      return { kind: 'refused', verdict, now };
    }
  }
  return { kind: 'unavailable', why: 'gave up' };
}

function answer(kind: 'refreshed' | 'recovered', commit: Commit): Outcome {
  if (!commit.by) throw new Error('an end answers nothing');
  return { kind, token: commit.by.successor, row: commit.after, now: commit.now };
}

function replay(token: Token, row: Row, now: Date): Outcome {
  const successor = row.salt === null ? undefined : derive(token, row.salt, row.generation);
  if (!successor || hashOf(successor) !== row.currentHash) {
    return { kind: 'unavailable', why: 'no successor' };
  }
  return { kind: 'replayed', token: successor, row, now };
}
