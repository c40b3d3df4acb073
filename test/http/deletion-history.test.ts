import { expect, test } from 'vitest';
import { bearer, clientOf, PASSWORD } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { startKeyturn } from '../support/keyturn.ts';
import { operationsOf } from '../support/user-operations.ts';

test.each(DRIVERS)('who has logged in all day can be deleted, on $name', async (driver) => {
  const keyturn = await startKeyturn(driver);
  try {
    const client = clientOf(keyturn);
    const [ann, bob] = [await client.register(), await client.register()];
    const columns = `client_id, claims, generation, current_hash, rotated_at, recovered, created_at,
      expires_at, max_expires_at, last_used_at, last_address`;
    await keyturn.sql(`INSERT INTO sessions (id, user_id, ended_at, end_reason, ${columns})
      SELECT gen_random_uuid(), user_id, created_at, 'logged_out', ${columns}
      FROM sessions, generate_series(1, 6000)`);
    await keyturn.sql('CREATE TABLE deleted_at_once (n integer)');
    await keyturn.sql(`CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO deleted_at_once SELECT count(*) FROM gone; RETURN NULL; END $$`);
    await keyturn.sql(`CREATE TRIGGER note AFTER DELETE ON sessions REFERENCING OLD TABLE AS gone
      FOR EACH STATEMENT EXECUTE FUNCTION note()`);
    const deletions = [
      () =>
        client.delete('/api/auth/me', bearer(ann.accessToken)).send({ current_password: PASSWORD }),
      () => operationsOf(keyturn)('users delete', { user: bob.userId }),
    ];
    for (const deletion of deletions) {
      await keyturn.sql('DELETE FROM deleted_at_once');
      await deletion();
      // The live one goes with the user.
      expect(await keyturn.sql('SELECT n FROM deleted_at_once ORDER BY n')).toEqual([
        { n: 1 },
        { n: 1000 },
        { n: 5000 },
      ]);
    }
    expect(await keyturn.sql('SELECT id FROM users')).toEqual([]);
  } finally {
    await keyturn.close();
  }
});
