import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Delivery, judge } from '../../src/issuer/sessions/machine.ts';
import { after, milliseconds } from '../../src/kit/duration.ts';
import { growOld } from '../support/session-clients.ts';
import {
  checkCommit,
  checkOutcome,
  enter,
  type Ledger,
  newLedger,
} from '../support/session-ledger.ts';
import { type Outcome, refresh, what } from '../support/session-model.ts';
import { gap, PATIENCE, RUNS } from '../support/session-runs.ts';
import {
  end,
  hashOf,
  loseCommits,
  newWorld,
  open,
  type Token,
  WINDOW,
  type World,
} from '../support/session-table.ts';

/*
 * Anybody presents any token that was ever issued, at any time and between any two statements of
 * anybody else: what holds here holds whatever clients, thieves and networks do.
 */

type Op =
  /** Presents a token, counted from the newest; its statements come with `step`. */
  | { readonly op: 'start'; readonly token: number; readonly delivery: Delivery }
  | { readonly op: 'step'; readonly request: number }
  | { readonly op: 'wait'; readonly gap: number }
  | { readonly op: 'logout'; readonly session: number }
  | { readonly op: 'failover'; readonly lost: number };

const SESSIONS = ['alice', 'bob'];
const delivery = fc.constantFrom<Delivery>('body', 'cookie');
const start = fc.record({
  op: fc.constant('start' as const),
  token: fc.oneof({ weight: 3, arbitrary: fc.nat(3) }, fc.nat(20)),
  delivery,
});
const step = fc.record({ op: fc.constant('step' as const), request: fc.nat(9) });
const wait = fc.record({ op: fc.constant('wait' as const), gap });
const logout = fc.record({ op: fc.constant('logout' as const), session: fc.nat(1) });
const failover = fc.record({ op: fc.constant('failover' as const), lost: fc.nat(8) });

const calm: fc.Arbitrary<Op> = fc.oneof(
  { weight: 30, arbitrary: start },
  { weight: 60, arbitrary: step },
  { weight: 25, arbitrary: wait },
  { weight: 1, arbitrary: logout },
);
const stormy: fc.Arbitrary<Op> = fc.oneof(
  { weight: 20, arbitrary: calm },
  { weight: 1, arbitrary: failover },
);
const histories = (op: fc.Arbitrary<Op>) => fc.array(op, { maxLength: 80, size: 'max' });

interface Request {
  readonly token: Token;
  readonly delivery: Delivery;
  readonly steps: Generator<undefined, Outcome>;
}

interface Run {
  readonly world: World;
  readonly ledger: Ledger;
  requests: Request[];
  checked: number;
}

/** Sessions that have refreshed so often, six days apart. */
function begin(age: number): Run {
  const run: Run = { world: newWorld(), ledger: newLedger(), requests: [], checked: 0 };
  for (const id of SESSIONS) {
    const token = open(run.world, id);
    enter(run.ledger, token, run.world.rows.get(id) ?? assert.fail(), run.world.now);
  }
  const first = [...run.ledger.issues.values()].map(({ token }) => token);
  growOld(run.world, first, age);
  checkCommits(run);
  return run;
}

/** Does one thing and checks what it did. @returns what a refresh came to when it ended one */
function act(run: Run, op: Op): Outcome | undefined {
  const { world, ledger } = run;
  if (op.op === 'wait') world.now = after(world.now, milliseconds(op.gap));
  if (op.op === 'logout') end(world, SESSIONS[op.session] ?? '', 'logged_out');
  if (op.op === 'failover') {
    // The connections of what is under way are cut.
    run.requests = [];
    ledger.lostCommits = true;
    loseCommits(world, op.lost);
  }
  if (op.op === 'start') {
    const tokens = [...ledger.issues.values()].reverse();
    const { token } = tokens[op.token % tokens.length] ?? assert.fail();
    const steps = refresh(world, token, op.delivery);
    steps.next();
    run.requests.push({ token, delivery: op.delivery, steps });
  }
  const outcome = op.op === 'step' ? proceed(run, op.request) : undefined;
  checkCommits(run);
  checkHeads(run);
  return outcome;
}

function checkCommits(run: Run): void {
  for (const commit of run.world.commits.slice(run.checked)) checkCommit(run.ledger, commit);
  run.checked = run.world.commits.length;
}

function proceed(run: Run, index: number): Outcome | undefined {
  const { world, ledger, requests } = run;
  const request = requests[index % Math.max(1, requests.length)];
  if (!request) return undefined;
  const was = world.rows;
  const result = request.steps.next();
  for (const [id, row] of world.rows) {
    if (id !== request.token.sessionId) assert.equal(row, was.get(id), 'a foreign row changed');
  }
  if (!result.done) return undefined;
  requests.splice(requests.indexOf(request), 1);
  const outcome = result.value;
  checkCommits(run);
  checkOutcome(ledger, request.token, request.delivery, outcome);
  if (outcome.kind === 'refused' && outcome.verdict === 'ahead') {
    const knew = (rows: World['rows']) =>
      rows.get(request.token.sessionId)?.currentHash === hashOf(request.token);
    assert(!world.past.some(knew), 'ahead of a table that issued it');
  }
  const changes = outcome.kind === 'refreshed' || outcome.kind === 'recovered';
  if (outcome.kind === 'refused' && (outcome.verdict === 'stolen' || outcome.verdict === 'ahead')) {
    assert(world.rows.get(request.token.sessionId)?.endedAt, 'found out and left alive');
  } else if (!changes) {
    assert.equal(world.rows, was, `${outcome.kind} changed the table`);
  }
  return outcome;
}

/** Of all tokens of a live session exactly one is its head; of a session that is over, none is. */
function checkHeads({ world, ledger }: Run): void {
  for (const [id, row] of world.rows) {
    const heads = [...ledger.issues.values()].filter(({ token }) => {
      const presented = { generation: token.generation, hash: hashOf(token) };
      if (token.sessionId !== id) return false;
      return judge(row, presented, 'body', WINDOW, world.now) === 'current';
    });
    const live = row.endedAt === null && world.now < row.expiresAt;
    assert.equal(heads.length, live ? 1 : 0, `${heads.length} live heads`);
  }
}

/** What the histories are to come to, or they prove little. */
const ANSWERS = ['refreshed', 'fresh', 'replayed', 'recovered', 'over', 'stolen'];

describe('whatever is presented whenever, between whichever statements of others', () => {
  test.each([
    ['with a table that keeps what it was told', calm, ANSWERS],
    ['with a table that loses commits', stormy, [...ANSWERS, 'ahead']],
  ])('one line of tokens, %s', { timeout: PATIENCE }, (_, op, expected) => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(fc.nat(4), histories(op), (age, ops) => {
        const run = begin(age);
        for (const each of ops) {
          const outcome = act(run, each);
          if (outcome) seen.add(what(outcome));
        }
      }),
      { numRuns: RUNS },
    );
    expect([...seen]).toEqual(expect.arrayContaining(expected));
  });
});
