import type { Database, Tx } from '../../db/database.ts';
import { isUniqueViolation } from '../../db/errors.ts';
import { AppError, type ErrorSpec, type FieldError } from '../../kit/errors.ts';
import type { UserId } from '../../kit/id.ts';
import { splitLines } from '../../kit/split-lines.ts';
import { insertEvents } from '../audit/store.ts';
import type { Trail } from '../audit/trail.ts';
import { findTaken, insertUsers } from '../users/bulk-store.ts';
import type { UserWithHash } from '../users/store.ts';
import { forgetDeletions } from './deletion-store.ts';
import { type LineFault, LONGEST_LINE, parseImportLine } from './import-line.ts';

/** What importing needs. */
export interface ImportDeps {
  readonly database: Pick<Database, 'db' | 'transaction'>;
  readonly trail: Pick<Trail, 'note' | 'announce'>;
}

/** Lines of an import are wrong; the error's fields say which and how. */
export const importRefused: ErrorSpec = {
  status: 400,
  code: 'import_refused',
  title: 'The import has lines that are wrong; nothing was imported',
};

/** Rows a statement. */
const BATCH = 500;
/** Faults that are named; the rest is counted. */
const MOST_FAULTS = 100;

/**
 * Imports users from JSON lines: reads all of them first, then stores all in one transaction.
 * Passwords are checked by the hashes as they came, and hashed anew at the next login.
 * @param open reads the lines from the beginning; called twice
 * @throws AppError `import_refused`, with a field error a fault; nothing was imported then
 */
export async function importUsers(
  deps: ImportDeps,
  open: () => AsyncIterable<Uint8Array>,
  now: Date,
): Promise<{ readonly imported: number }> {
  await check(deps, open(), now);
  const imported = await store(deps, open(), now);
  if (imported > 0) {
    // The table has one for each account, which would flood the log.
    deps.trail.announce({ event: 'account_imported', reason: `${imported}_accounts` });
  }
  return { imported };
}

/** Reads every line, and refuses all when one is wrong. */
async function check(deps: ImportDeps, lines: AsyncIterable<Uint8Array>, now: Date): Promise<void> {
  const faults = createFaults();
  const emails = new Map<string, number>();
  const ids = new Map<string, number>();
  let batch: { line: number; user: UserWithHash }[] = [];

  const compare = async () => {
    const users = batch.map(({ user }) => user);
    const taken = await findTaken(
      deps.database.db,
      users.map(({ email }) => email),
      users.map(({ id }) => id),
    );
    for (const { line, user } of batch) {
      if (taken.emails.has(user.email)) {
        faults.add(line, { field: 'email', message: 'belongs to an account already' });
      }
      if (taken.ids.has(user.id)) {
        faults.add(line, { field: 'id', message: 'belongs to an account already' });
      }
    }
    batch = [];
  };

  for await (const { line, parsed } of numbered(lines, now)) {
    if ('length' in parsed) {
      for (const fault of parsed) faults.add(line, fault);
      continue;
    }
    const first = { email: emails.get(parsed.email), id: ids.get(parsed.id) };
    for (const field of ['email', 'id'] as const) {
      if (first[field] !== undefined) {
        faults.add(line, { field, message: `is that of line ${first[field]}, too` });
      }
    }
    emails.set(parsed.email, first.email ?? line);
    ids.set(parsed.id, first.id ?? line);
    batch.push({ line, user: parsed });
    if (batch.length >= BATCH) await compare();
  }
  if (batch.length > 0) await compare();
  faults.refuse();
}

/** Stores all of them, which were right a moment ago. @returns how many */
async function store(deps: ImportDeps, lines: AsyncIterable<Uint8Array>, now: Date) {
  try {
    return await deps.database.transaction(async (tx) => {
      let imported = 0;
      let batch: UserWithHash[] = [];
      const flush = async () => {
        await storeBatch(deps, tx, batch);
        imported += batch.length;
        batch = [];
      };
      for await (const { parsed } of numbered(lines, now)) {
        if ('length' in parsed) throw new Error('the lines have changed while they were imported');
        batch.push(parsed);
        if (batch.length >= BATCH) await flush();
      }
      if (batch.length > 0) await flush();
      return imported;
    });
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    const detail =
      'Meanwhile somebody took an address or an id that the lines name. Nothing was imported; ' +
      'import again to hear which.';
    throw new AppError(importRefused, { detail });
  }
}

async function storeBatch({ trail }: ImportDeps, tx: Tx, users: readonly UserWithHash[]) {
  await insertUsers(tx, users);
  const ids: readonly UserId[] = users.map(({ id }) => id);
  await forgetDeletions(tx, ids);
  const events = ids.map((userId) => trail.note({ event: 'account_imported', userId }));
  await insertEvents(
    tx,
    events.flatMap(({ entry }) => entry ?? []),
  );
}

/** Every line that is not blank, with its number from 1. */
async function* numbered(source: AsyncIterable<Uint8Array>, now: Date) {
  let line = 0;
  for await (const text of splitLines(source, LONGEST_LINE)) {
    line += 1;
    const parsed = parseImportLine(text, now);
    if (parsed) yield { line, parsed };
  }
}

/** Gathers what is wrong, as much of it as anybody reads. */
function createFaults() {
  const named: FieldError[] = [];
  let count = 0;
  return {
    add(line: number, { field, message }: LineFault) {
      count += 1;
      if (named.length >= MOST_FAULTS) return;
      named.push({ path: field === '' ? `line ${line}` : `line ${line}, ${field}`, message });
    },
    /** @throws AppError `import_refused` when there was anything */
    refuse() {
      if (count === 0) return;
      const what = count === 1 ? 'One thing is' : `${count} things are`;
      const rest = count > named.length ? ` The first ${named.length} are named.` : '';
      throw new AppError(importRefused, {
        detail: `${what} wrong in the lines; nothing was imported.${rest}`,
        fields: named,
      });
    },
  };
}
