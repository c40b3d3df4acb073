import type { Db, Tx } from '../../db/database.ts';
import { execute } from '../../db/statement.ts';
import { after, before } from '../../kit/duration.ts';
import { type PasswordState, runLimits, type Terms, terms } from './machine.ts';
import { ACCOUNT_MEMORY, type Rate, RUN_MEMORY } from './policy.ts';

/** A bucket by its key. */
export interface Bucket {
  readonly key: Buffer;
  readonly rate: Rate;
}

/** An account at a network, both as keyed hashes. */
export interface Place {
  readonly account: Buffer;
  readonly network: Buffer;
}

/** What taking from a bucket brought. */
export interface Taken {
  readonly allowed: boolean;
  /** When it will be full again; undefined when it was refused, and was made a moment ago. */
  readonly fullAt: Date | undefined;
}

/** Takes from bucket number `n` as far as `when` holds: its parameters start at $2 + 4n. */
const bucket = (n: 0 | 1 | 2, when: string): string => `b${n} AS (
  INSERT INTO rate_buckets AS b (key, full_at)
  SELECT $${2 + 4 * n}::bytea, $${3 + 4 * n}::timestamptz WHERE ${when}
  ON CONFLICT (key) DO UPDATE
    SET full_at = greatest(least(b.full_at, $${4 + 4 * n}), $1)
      + ($${3 + 4 * n}::timestamptz - $1::timestamptz)
    WHERE b.full_at <= $${4 + 4 * n} OR b.full_at > $${5 + 4 * n}
  RETURNING full_at)`;

/** What became of it. A refused row is not returned: it is read as the statement found it. */
const brought = (n: 0 | 1 | 2): string => `(SELECT full_at FROM b${n}) AS taken${n},
  (SELECT full_at FROM rate_buckets WHERE key = $${2 + 4 * n}) AS stored${n}`;

// Each bucket is asked when the one before it gave: a network that is refused takes nothing from
// the account's. It also sets the order of the locks.
const TAKE_NETWORK = `WITH ${bucket(0, 'true')} SELECT ${brought(0)}`;
const TAKE_ACCOUNT = `WITH known AS (
  SELECT FROM password_runs WHERE account = $14 AND network = $15 AND known_at > $16),
${bucket(0, 'true')},
${bucket(1, 'EXISTS (SELECT FROM b0)')},
${bucket(2, 'EXISTS (SELECT FROM b1) AND NOT EXISTS (SELECT FROM known)')}
SELECT ${brought(0)}, ${brought(1)}, ${brought(2)}, EXISTS (SELECT FROM known) AS known`;

type TakenRow = Record<`${'taken' | 'stored'}${0 | 1 | 2}`, Date | null> & { known: boolean };

const takenOf = (row: TakenRow | undefined, n: 0 | 1 | 2): Taken => ({
  allowed: Boolean(row?.[`taken${n}`]),
  fullAt: row?.[`taken${n}`] ?? row?.[`stored${n}`] ?? undefined,
});

function parameters({ key, rate }: Bucket, now: Date): unknown[] {
  const { first, latest, impossible }: Terms = terms(rate, now);
  return [key, first, latest, impossible];
}

/** Takes one from a bucket, a network's most often, in one statement. */
export async function takeOne(db: Db, first: Bucket, now: Date): Promise<Taken> {
  const values = [now, ...parameters(first, now)];
  const { rows } = await execute<TakenRow>(db, TAKE_NETWORK, values);
  return takenOf(rows[0], 0);
}

/**
 * Takes one from a bucket, a network's most often, then from the account's for this network, then,
 * unless the account has logged in from here, from that for all others; in one statement.
 */
export async function takeForAccount(
  db: Db,
  [first, here, anywhere]: readonly [Bucket, Bucket, Bucket],
  place: Place,
  now: Date,
): Promise<readonly [Taken, Taken, Taken]> {
  const { rows } = await execute<TakenRow>(db, TAKE_ACCOUNT, [
    now,
    ...parameters(first, now),
    ...parameters(here, now),
    ...parameters(anywhere, now),
    place.account,
    place.network,
    before(now, ACCOUNT_MEMORY),
  ]);
  const last = takenOf(rows[0], 2);
  const known = rows[0]?.known === true;
  return [takenOf(rows[0], 0), takenOf(rows[0], 1), { ...last, allowed: last.allowed || known }];
}

const TRY_PASSWORD = `WITH ${bucket(0, 'true')}
SELECT ${brought(0)}, here.known_at,
  here.failures AS here_failures, here.failed_at AS here_failed_at,
  anywhere.failures AS anywhere_failures, anywhere.failed_at AS anywhere_failed_at
FROM (SELECT) AS one
LEFT JOIN password_runs AS here ON here.account = $6 AND here.network = $7
LEFT JOIN password_runs AS anywhere ON anywhere.account = $6 AND anywhere.network = ''::bytea`;

interface TryRow extends TakenRow {
  known_at: Date | null;
  here_failures: number | null;
  here_failed_at: Date | null;
  anywhere_failures: number | null;
  anywhere_failed_at: Date | null;
}

/** Takes one from a network's bucket, and looks at the account's wrong passwords; in one statement. */
export async function takeForPassword(
  db: Db,
  network: Bucket,
  place: Place,
  now: Date,
): Promise<{ readonly taken: Taken; readonly state: PasswordState }> {
  const values = [now, ...parameters(network, now), place.account, place.network];
  const row = (await execute<TryRow>(db, TRY_PASSWORD, values)).rows[0];
  const run = (failures: number | null | undefined, failedAt: Date | null | undefined) =>
    typeof failures === 'number' ? { failures, failedAt: failedAt ?? null } : undefined;
  return {
    taken: takenOf(row, 0),
    state: {
      here: run(row?.here_failures, row?.here_failed_at),
      anywhere: run(row?.anywhere_failures, row?.anywhere_failed_at),
      knownAt: row?.known_at ?? null,
    },
  };
}

const next = (since: string): string =>
  `CASE WHEN r.failed_at > ${since} AND r.failed_at <= $8 THEN r.failures + 1 ELSE 1 END`;

const COUNT_FAILURE = `WITH here AS (
  INSERT INTO password_runs AS r (account, network, failures, failed_at, kept_until)
  VALUES ($1, $2, 1, $3, $4)
  ON CONFLICT (account, network) DO UPDATE SET failures = ${next('$5')}, failed_at = $3,
    kept_until = greatest(r.kept_until, $4)
  RETURNING account)
INSERT INTO password_runs AS r (account, network, failures, failed_at, kept_until)
SELECT account, ''::bytea, 1, $3::timestamptz, $6::timestamptz FROM here
ON CONFLICT (account, network) DO UPDATE SET failures = ${next('$7')}, failed_at = $3,
  kept_until = $6`;

/** Counts a wrong password, here and over all networks. */
export async function countFailure(db: Db, place: Place, now: Date): Promise<void> {
  const { since, until } = runLimits(RUN_MEMORY, now);
  await execute(db, COUNT_FAILURE, [
    place.account,
    place.network,
    now,
    after(now, RUN_MEMORY),
    since,
    after(now, ACCOUNT_MEMORY),
    runLimits(ACCOUNT_MEMORY, now).since,
    until,
  ]);
}

const NOTE_LOGIN = `WITH here AS (
  INSERT INTO password_runs AS r (account, network, failures, known_at, kept_until)
  VALUES ($1, $2, 0, $3, $4)
  ON CONFLICT (account, network) DO UPDATE SET failures = 0, failed_at = NULL, known_at = $3,
    kept_until = $4
  RETURNING account)
DELETE FROM password_runs AS r USING here WHERE r.account = here.account AND r.network = ''::bytea`;

/** Ends the runs of wrong passwords, here and over all networks, and remembers the network. */
export async function noteLogin(tx: Tx, place: Place, now: Date): Promise<void> {
  const until = after(now, ACCOUNT_MEMORY);
  await execute(tx, NOTE_LOGIN, [place.account, place.network, now, until]);
}

// Locks in the order of the statements above: the row of all networks last.
const forget = (which: string): string => `WITH locked AS (
  SELECT account, network FROM password_runs WHERE account = $1 AND ${which}
  ORDER BY network DESC FOR UPDATE)
DELETE FROM password_runs AS r USING locked
WHERE r.account = locked.account AND r.network = locked.network`;
const FORGET = forget('true');
const FORGET_KNOWN = forget('known_at IS NOT NULL');

/** Forgets the networks that an account logged in from, and the wrong passwords from there. */
export async function forgetKnown(tx: Tx, account: Buffer): Promise<void> {
  await execute(tx, FORGET_KNOWN, [account]);
}

/** Forgets an account: its runs, and the networks that it logged in from. */
export async function forgetAccount(tx: Tx, account: Buffer): Promise<void> {
  await execute(tx, FORGET, [account]);
}

const DELETE_BUCKETS = `DELETE FROM rate_buckets WHERE key IN (
  SELECT key FROM rate_buckets WHERE full_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`;

/** Deletes buckets that were full by `instant`, at most `limit` of them. @returns how many */
export async function deleteFullBuckets(db: Db, instant: Date, limit: number): Promise<number> {
  return (await execute(db, DELETE_BUCKETS, [instant, limit])).affected;
}

const DELETE_RUNS = `DELETE FROM password_runs WHERE (account, network) IN (
  SELECT account, network FROM password_runs WHERE kept_until < $1 LIMIT $2
  FOR UPDATE SKIP LOCKED)`;

/** Deletes runs and known networks that were forgotten by `instant`, at most `limit` of them. */
export async function deleteForgottenRuns(db: Db, instant: Date, limit: number): Promise<number> {
  return (await execute(db, DELETE_RUNS, [instant, limit])).affected;
}
