import type { Delivery, SessionState } from '../../src/issuer/sessions/machine.ts';
import { after, before, earliest, parseDuration, seconds } from '../../src/kit/duration.ts';

/*
 * The table of sessions in memory and in virtual time: each function that writes is one atomic
 * statement with the conditions of the store's SQL. Secrets and hashes are readable texts, so that
 * a failing history can be followed by eye.
 */

export const WINDOW = seconds(30);
export const TOKEN_TTL = parseDuration('7d') ?? seconds(0);
export const SESSION_TTL = parseDuration('30d') ?? seconds(0);

/** A refresh token. */
export interface Token {
  readonly sessionId: string;
  readonly generation: number;
  /** The token it was derived from and the salt; so two tokens are one when these agree. */
  readonly secret: string;
}

/** A row of the table. */
export interface Row extends SessionState {
  readonly salt: string | null;
  readonly maxExpiresAt: Date;
  readonly endReason: string | null;
}

/** A statement that changed a row. */
export interface Commit {
  readonly kind: 'rotated' | 'recovered' | 'ended';
  readonly sessionId: string;
  readonly before: Row;
  readonly after: Row;
  /** When the request that did it says it was. */
  readonly now: Date;
  /** What was presented, how, and what it became; nothing for an end. */
  readonly by?: {
    readonly token: Token;
    readonly successor: Token;
    readonly delivery: Delivery;
  };
}

/** The database and the clock. */
export interface World {
  now: Date;
  rows: ReadonlyMap<string, Row>;
  /** Every change so far, for the checks. */
  readonly commits: Commit[];
  /** The table after each change of the line that led here, for failovers that lose some. */
  past: ReadonlyMap<string, Row>[];
  salts: number;
}

/** When each world begins. */
export const START = new Date('2026-01-01T00:00:00Z');

export const newWorld = (): World => ({
  now: START,
  rows: new Map(),
  commits: [],
  past: [],
  salts: 0,
});

export const hashOf = (token: Token): string => `${token.generation}#${token.secret}`;

export const derive = (token: Token, salt: string, generation: number): Token => ({
  sessionId: token.sessionId,
  generation,
  secret: `${token.secret}>${salt}`,
});

/** Opens a session: one row. @returns its first token */
export function open(world: World, sessionId: string): Token {
  const token: Token = { sessionId, generation: 1, secret: sessionId };
  const maxExpiresAt = after(world.now, SESSION_TTL);
  write(world, sessionId, {
    generation: 1,
    currentHash: hashOf(token),
    previousHash: null,
    salt: null,
    rotatedAt: world.now,
    recovered: false,
    expiresAt: earliest(after(world.now, TOKEN_TTL), maxExpiresAt),
    previousExpiresAt: null,
    maxExpiresAt,
    endedAt: null,
    endReason: null,
  });
  return token;
}

/** Ends a session, as a logout does: whatever it is, unless it has ended. */
export function end(world: World, sessionId: string, endReason: string, now = world.now): void {
  const row = world.rows.get(sessionId);
  if (!row || row.endedAt) return;
  const ended = { ...row, endedAt: now, endReason };
  commit(world, { kind: 'ended', sessionId, before: row, after: ended, now });
}

/** A failover to a database that has not got the last `count` changes. */
export function loseCommits(world: World, count: number): void {
  world.past = world.past.slice(0, Math.max(1, world.past.length - count));
  world.rows = world.past.at(-1) ?? world.rows;
}

function write(world: World, sessionId: string, row: Row): void {
  world.rows = new Map(world.rows).set(sessionId, row);
  world.past.push(world.rows);
}

/** Puts a successor in the place of the current token; undefined when `token` is not that. */
export function rotate(
  world: World,
  token: Token,
  delivery: Delivery,
  now: Date,
): Commit | undefined {
  const row = world.rows.get(token.sessionId);
  if (!row || row.currentHash !== hashOf(token)) return undefined;
  if (row.endedAt !== null || row.expiresAt <= now) return undefined;
  if (delivery === 'cookie' && row.rotatedAt > before(now, WINDOW)) return undefined;
  const salt = `${++world.salts}`;
  const successor = derive(token, salt, token.generation + 1);
  const rotated: Row = {
    ...row,
    generation: row.generation + 1,
    currentHash: hashOf(successor),
    previousHash: row.currentHash,
    salt,
    rotatedAt: now,
    recovered: false,
    expiresAt: earliest(after(now, TOKEN_TTL), row.maxExpiresAt),
    previousExpiresAt: row.expiresAt,
  };
  return commit(world, {
    kind: 'rotated',
    sessionId: token.sessionId,
    before: row,
    after: rotated,
    now,
    by: { token, successor, delivery },
  });
}

/** Puts another successor in the place of the unused one of `generation`, if that is still so. */
export function recover(
  world: World,
  token: Token,
  delivery: Delivery,
  generation: number,
  now: Date,
): Commit | undefined {
  const row = world.rows.get(token.sessionId);
  if (!row || row.previousHash !== hashOf(token) || row.generation !== generation) return undefined;
  if (row.recovered || row.endedAt !== null || row.expiresAt <= now) return undefined;
  const salt = `${++world.salts}`;
  const successor = derive(token, salt, generation + 1);
  const recovered: Row = {
    ...row,
    generation: row.generation + 1,
    currentHash: hashOf(successor),
    salt,
    rotatedAt: now,
    recovered: true,
  };
  return commit(world, {
    kind: 'recovered',
    sessionId: token.sessionId,
    before: row,
    after: recovered,
    now,
    by: { token, successor, delivery },
  });
}

function commit(world: World, change: Commit): Commit {
  write(world, change.sessionId, change.after);
  world.commits.push(change);
  return change;
}
