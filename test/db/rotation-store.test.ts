import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { issuerMigrations } from '../../migrations/issuer/index.ts';
import { migrate } from '../../src/db/migrate.ts';
import { execute } from '../../src/db/statement.ts';
import { type Rotation, rotate, rotateTogether } from '../../src/issuer/sessions/rotation-store.ts';
import { manualClock } from '../../src/kit/clock.ts';
import { after, before, parseDuration, seconds } from '../../src/kit/duration.ts';
import { newUuid, type SessionId } from '../../src/kit/id.ts';
import { DRIVERS, type TestDriver } from '../support/databases.ts';

/** Where a transaction of the test is not known. */
const outside = AsyncLocalStorage.snapshot();
const USER = '00000000-0000-7000-8000-000000000001';
const NOW = manualClock().now();
const days = (n: number) => parseDuration(`${n}d`) ?? seconds(0);
const hashOf = (text: string) => createHash('sha256').update(text).digest();

type Scene = Awaited<ReturnType<typeof openScene>>;
type Columns = Partial<Record<string, Date | string | number | boolean | null>>;

const rotation = (sessionId: SessionId, other: Partial<Rotation> = {}): Rotation => ({
  sessionId,
  presentedHash: hashOf('current'),
  successorHash: hashOf(`successor of ${sessionId}`),
  salt: hashOf(`salt of ${sessionId}`),
  now: NOW,
  address: '2001:db8::1',
  userAgent: 'a "quoted" {agent}, \\ and NULL',
  expiresAt: after(NOW, days(7)),
  rotatedBefore: null,
  ...other,
});

/** An empty database with one user, and what the tests do there. */
async function openScene(driver: TestDriver) {
  const database = await driver.open();
  await migrate(database, 'issuer', issuerMigrations);
  await execute(
    database.db,
    `INSERT INTO users (id, email, email_verified, name, created_at)
     VALUES ($1, 'ann@example.com', false, 'Ann', $2)`,
    [USER, NOW],
  );

  /** A session a minute old whose current token hashes to that of `current`. */
  async function begin(columns: Columns = {}): Promise<SessionId> {
    const id = newUuid(NOW) as SessionId;
    const row: Columns = {
      id,
      user_id: USER,
      client_id: 'keyturn',
      claims: JSON.stringify({ name: id }),
      generation: 3,
      rotated_at: before(NOW, seconds(60)),
      recovered: true,
      created_at: before(NOW, days(2)),
      expires_at: after(NOW, days(6)),
      max_expires_at: after(NOW, days(28)),
      last_used_at: before(NOW, seconds(60)),
      last_address: '192.0.2.1',
      ...columns,
    };
    const names = Object.keys(row);
    const places = names.map((_, i) => `$${i + 2}`).join(', ');
    await execute(
      database.db,
      `INSERT INTO sessions (current_hash, ${names.join(', ')}) VALUES ($1, ${places})`,
      [hashOf('current'), ...Object.values(row)],
    );
    return id;
  }
  const together = (...rotations: Rotation[]) =>
    Promise.all(rotations.map((each) => rotateTogether(database.db, each)));
  const rowOf = async (id: SessionId) =>
    (await execute<Columns>(database.db, 'SELECT * FROM sessions WHERE id = $1', [id])).rows[0];

  return { database, begin, together, rowOf };
}

describe.each(DRIVERS)('sessions that rotate together on $name', (driver) => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await openScene(driver);
  });
  afterAll(() => scene.database.close());

  test('are written and answered as each would be alone', async () => {
    const { database, begin, together, rowOf } = scene;
    const many = await Promise.all(Array.from({ length: 12 }, () => begin()));
    const soon = after(NOW, days(1));
    const last = await begin({ expires_at: soon, max_expires_at: soon });
    const ids = [...many, last];
    const agents = [
      null,
      '',
      'null',
      'NULL',
      '{}',
      '"',
      '\\',
      ',',
      ' ',
      "'",
      'x'.repeat(400),
      'ok',
    ];
    const rotations = ids.map((id, i) =>
      rotation(id, {
        userAgent: agents[i] ?? null,
        address: `192.0.2.${i}`,
        now: after(NOW, seconds(i)),
        rotatedBefore: i % 2 === 0 ? before(NOW, seconds(30)) : null,
      }),
    );
    const grants = await together(...rotations);
    const rows = await Promise.all(ids.map(rowOf));

    expect(grants.map((grant) => grant?.claims)).toEqual(ids.map((id) => ({ name: id })));
    for (const [i, each] of rotations.entries()) {
      // The same session as it was, alone.
      await execute(
        database.db,
        `UPDATE sessions SET current_hash = previous_hash, previous_hash = NULL, salt = NULL,
           generation = 3, rotated_at = $2, recovered = true, expires_at = previous_expires_at,
           previous_expires_at = NULL, last_used_at = $2, last_address = '192.0.2.1',
           user_agent = NULL WHERE id = $1`,
        [each.sessionId, before(NOW, seconds(60))],
      );
      expect(grants[i]).toEqual(await rotate(database.db, each));
      expect(rows[i]).toEqual(await rowOf(each.sessionId));
      expect(rows[i]).toMatchObject({
        generation: 4,
        recovered: false,
        user_agent: each.userAgent,
      });
    }
    expect(grants.at(-1)?.expiresAt).toEqual(soon);
  });

  test.each<[string, Columns, Partial<Rotation>]>([
    ['another token', {}, { presentedHash: hashOf('previous') }],
    ['a session that ended', { ended_at: NOW, end_reason: 'logged_out' }, {}],
    ['a session that expires now', { expires_at: NOW }, {}],
    ['a token too young', {}, { rotatedBefore: before(NOW, seconds(61)) }],
  ])('%s changes nothing, and keeps no other from it', async (_, columns, presented) => {
    const { begin, together, rowOf } = scene;
    const [refused, good, other] = [await begin(columns), await begin(), await begin()];
    const was = await rowOf(refused);
    const grants = await together(
      rotation(good),
      rotation(refused, presented),
      rotation(newUuid(NOW) as SessionId),
      rotation(other),
    );
    expect(grants.map((grant) => grant?.generation)).toEqual([4, undefined, undefined, 4]);
    expect(await rowOf(refused)).toEqual(was);
  });

  test('of a session that is asked for twice the first call alone rotates it', async () => {
    const { begin, together, rowOf } = scene;
    const [id, other] = [await begin(), await begin()];
    const second = { successorHash: hashOf('another successor') };
    const grants = await together(rotation(id), rotation(other), rotation(id, second));
    expect(grants.map((grant) => grant?.generation)).toEqual([4, 4, undefined]);
    expect((await rowOf(id))?.current_hash).toEqual(hashOf(`successor of ${id}`));
  });
});

describe.each(DRIVERS.filter(({ kind }) => kind === 'postgres'))(
  'beside others on $name',
  (driver) => {
    let scene: Scene;
    beforeAll(async () => {
      scene = await openScene(driver);
    });
    afterAll(() => scene.database.close());

    test('a session that is being changed is passed over; the others wait for nobody', async () => {
      const { database, begin, together } = scene;
      const [first, held, last] = [await begin(), await begin(), await begin()];
      const all = [first, held, last].map((id) => rotation(id));
      const grants = await database.transaction(async (tx) => {
        await execute(tx, `UPDATE sessions SET claims = '{"name":"new"}' WHERE id = $1`, [held]);
        return outside(() => together(...all));
      });
      expect(grants.map((grant) => grant?.generation)).toEqual([4, undefined, 4]);

      const [again] = await together(rotation(held), rotation(first));
      expect(again).toMatchObject({ generation: 4, claims: { name: 'new' } });
    });
  },
);
