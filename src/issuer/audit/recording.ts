import type { Database, Tx } from '../../db/database.ts';
import { insertEvents } from './store.ts';
import type { RecordEvent, Recorded, Trail } from './trail.ts';

/** What recording in a transaction needs. */
export interface RecordingDeps {
  readonly database: Pick<Database, 'transaction'>;
  readonly trail: Pick<Trail, 'note' | 'announce'>;
}

/**
 * Runs a transaction whose events are part of it: they are stored when it commits, by its last
 * statement, and logged and counted after that; when it rolls back nothing has happened and
 * nothing is said.
 */
export async function recording<T>(
  { database, trail }: RecordingDeps,
  work: (tx: Tx, record: RecordEvent) => Promise<T>,
): Promise<T> {
  const { result, recorded } = await database.transaction(async (tx) => {
    const recorded: Recorded[] = [];
    const result = await work(tx, (event) => void recorded.push(trail.note(event)));
    await insertEvents(
      tx,
      recorded.flatMap(({ entry }) => entry ?? []),
    );
    return { result, recorded };
  });
  for (const { event } of recorded) trail.announce(event);
  return result;
}
