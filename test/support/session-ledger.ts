import assert from 'node:assert/strict';
import type { Delivery } from '../../src/issuer/sessions/machine.ts';
import { after, before, elapsed } from '../../src/kit/duration.ts';
import type { Outcome } from './session-model.ts';
import { type Commit, hashOf, type Row, TOKEN_TTL, type Token, WINDOW } from './session-table.ts';

/** What is known of a token apart from the table. */
interface Issue {
  readonly token: Token;
  readonly issuedAt: Date;
  readonly expiresAt: Date;
  /** What its rotation and its recovery made of it: at most one each. */
  readonly successors: Map<'rotated' | 'recovered', Token>;
  /** Whether a recovery took it back before its use. */
  voided: boolean;
}

/** Every token that was ever issued, kept beside the table to hold the table to it. */
export interface Ledger {
  readonly issues: Map<string, Issue>;
  /** After lost commits a token may be consumed once more; until then all is exact. */
  lostCommits: boolean;
}

export const newLedger = (): Ledger => ({ issues: new Map(), lostCommits: false });

const keyOf = (token: Token): string => `${token.sessionId} ${hashOf(token)}`;

/** Enters a token. */
export function enter(ledger: Ledger, token: Token, row: Row, issuedAt: Date): void {
  const { expiresAt } = row;
  const issue = { token, issuedAt, expiresAt, successors: new Map(), voided: false };
  ledger.issues.set(keyOf(token), issue);
}

export function issueOf(ledger: Ledger, token: Token): Issue {
  const issue = ledger.issues.get(keyOf(token));
  assert(issue, 'a token out of nowhere');
  return issue;
}

/** Holds a change of a row to what changes may do, and enters what it issued. */
export function checkCommit(ledger: Ledger, commit: Commit): void {
  const { kind, before: was, after: is, now } = commit;
  assert.equal(was.endedAt, null, 'what is over changed');
  assert.deepEqual(is.maxExpiresAt, was.maxExpiresAt);
  if (kind === 'ended' || !commit.by) {
    assert.deepEqual({ ...is, endedAt: null, endReason: null }, was, 'the end changed more');
    return;
  }
  const { token, successor, delivery } = commit.by;
  assert(now < was.expiresAt, 'what had expired changed');
  assert.equal(is.generation, was.generation + 1);
  assert.equal(successor.generation, is.generation, 'a token that is not of its generation');
  assert(is.expiresAt <= is.maxExpiresAt, 'a token outlives its session');
  assert(is.expiresAt <= after(now, TOKEN_TTL), 'a token lives longer than it may');
  if (kind === 'recovered') {
    assert.deepEqual(is.expiresAt, was.expiresAt, 'a recovery moved an expiry');
    assert(now >= after(was.rotatedAt, WINDOW), 'a recovery inside the window');
  }
  if (delivery === 'cookie') {
    assert(was.rotatedAt <= before(now, WINDOW), 'a cookie rotated twice in a window');
  }
  const issue = issueOf(ledger, token);
  if (!ledger.lostCommits) {
    assert(!issue.successors.has(kind), `${kind} a second time`);
    for (const other of ledger.issues.values()) {
      const same = other.token.sessionId === successor.sessionId;
      assert(!same || other.token.generation < is.generation, 'a second token of a generation');
    }
    if (kind === 'recovered') voidSuccessor(ledger, issue);
  }
  issue.successors.set(kind, successor);
  enter(ledger, successor, is, now);
}

function voidSuccessor(ledger: Ledger, issue: Issue): void {
  const unused = issue.successors.get('rotated');
  assert(unused, 'a recovery of what was never consumed');
  assert.equal(issueOf(ledger, unused).successors.size, 0, 'a used successor was voided');
  issueOf(ledger, unused).voided = true;
}

/** Holds the answer to a refresh to what was issued. */
export function checkOutcome(ledger: Ledger, token: Token, way: Delivery, outcome: Outcome): void {
  assert(outcome.kind !== 'unavailable', 'a refresh that came to nothing');
  const issue = issueOf(ledger, token);
  if (outcome.kind === 'refused') {
    if (ledger.lostCommits) return;
    assert.notEqual(outcome.verdict, 'ahead', 'ahead of a table that lost nothing');
    if (outcome.verdict === 'stolen') assert(isTheft(ledger, issue), 'called theft without one');
    return;
  }
  const { row, now } = outcome;
  assert.equal(outcome.token.sessionId, token.sessionId, "another session's token");
  assert.equal(hashOf(outcome.token), row.currentHash, 'an answer that is not the live head');
  assert.equal(row.endedAt, null, 'an answer of a session that is over');
  assert(now < row.maxExpiresAt, 'an answer past the session’s maximum');
  if (outcome.kind === 'replayed') {
    assert(elapsed(row.rotatedAt, now) < WINDOW, 'a replay after the window');
    assert(
      ledger.lostCommits || sameToken(outcome.token, lastSuccessor(issue)),
      'a replay of another successor',
    );
    return;
  }
  assert(now < issue.expiresAt, 'a token worked past its expiry');
  assert(now < after(issue.issuedAt, TOKEN_TTL), 'a token worked past its own life');
  assert(ledger.lostCommits || !issue.voided, 'a voided token worked');
  if (outcome.kind === 'fresh') {
    assert.equal(way, 'cookie', 'only a cookie is left as it is');
    assert.deepEqual(outcome.token, token);
  }
}

const sameToken = (a: Token, b: Token | undefined): boolean =>
  b !== undefined && keyOf(a) === keyOf(b);

const lastSuccessor = (issue: Issue): Token | undefined =>
  issue.successors.get('recovered') ?? issue.successors.get('rotated');

/** Voided; or consumed, and the successor used, or recovered before. */
function isTheft(ledger: Ledger, { voided, successors }: Issue): boolean {
  const successor = successors.get('rotated');
  if (voided || successors.has('recovered')) return true;
  return successor !== undefined && issueOf(ledger, successor).successors.size > 0;
}
