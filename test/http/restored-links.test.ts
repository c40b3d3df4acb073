import { expect, test } from 'vitest';
import { addressToken, forgottenToken, NEW_PASSWORD } from '../support/accounts.ts';
import { clientOf, freshEmail, PASSWORD } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { mailedToken } from '../support/eml.ts';
import { startKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';
import { operationsOf } from '../support/user-operations.ts';

test.each(DRIVERS)('no link works in a database that was restored, on $name', async (driver) => {
  const keyturn = await startKeyturn(driver);
  try {
    const client = clientOf(keyturn);
    const ann = await client.register();
    const verify = await mailedToken(keyturn, ann.email);
    const reset = await forgottenToken(keyturn, client, ann);
    const change = { email: freshEmail(), password: PASSWORD };
    const other = await addressToken(keyturn, client, ann, change);
    const use = () => [
      client.post('/api/auth/password/reset', { token: reset, password: NEW_PASSWORD }),
      client.post('/api/auth/email/verify', { token: verify }),
      client.post('/api/auth/email/verify', { token: other }),
    ];
    const user = 'SELECT email, email_verified, password_hash FROM users';
    const before = await keyturn.sql(user);

    // As in a backup from when all of them were good: used or void by now, for all that it knows.
    await keyturn.sql('UPDATE key_state SET state_version = 0');
    await keyturn.parts.issuer?.keyring.poll();
    for (const response of use()) expectProblem(await response, 503, 'unavailable');
    expect(await keyturn.sql(user)).toEqual(before);

    await operationsOf(keyturn)('restored', {});
    await keyturn.parts.issuer?.keyring.poll();
    for (const response of use()) expectProblem(await response, 400, 'invalid_token');
    expect(await keyturn.sql(user)).toEqual(before);
  } finally {
    await keyturn.close();
  }
});
