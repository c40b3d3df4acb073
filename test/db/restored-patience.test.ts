import { expect, test } from 'vitest';
import { clientOf } from '../support/client.ts';
import { DRIVERS, type TestDriver } from '../support/databases.ts';
import { startKeyturn } from '../support/keyturn.ts';
import { operationsOf } from '../support/user-operations.ts';

const [postgres] = DRIVERS as readonly [TestDriver];

test('restored ends all sessions however long that takes, be they millions', async () => {
  const keyturn = await startKeyturn(postgres);
  try {
    await clientOf(keyturn).register();
    await keyturn.sql('CREATE TABLE limits_seen (statement text, lock text)');
    await keyturn.sql(`CREATE FUNCTION note_limits() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO limits_seen
        VALUES (current_setting('statement_timeout'), current_setting('lock_timeout'));
      RETURN NULL; END $$`);
    await keyturn.sql(`CREATE TRIGGER note_limits BEFORE UPDATE ON sessions
      FOR EACH STATEMENT EXECUTE FUNCTION note_limits()`);
    const { result } = await operationsOf(keyturn)('restored', {});
    expect(result).toMatchObject({ changed: true });
    expect(await keyturn.sql('SELECT * FROM limits_seen')).toEqual([{ statement: '0', lock: '0' }]);
    expect(await keyturn.sql('SELECT end_reason FROM sessions')).toEqual([
      { end_reason: 'restored' },
    ]);
  } finally {
    await keyturn.close();
  }
});
