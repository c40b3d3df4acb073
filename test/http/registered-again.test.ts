import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answerRequests, expectAccepted } from '../support/accounts.ts';
import { type Client, claimsOf, clientOf, freshEmail, PASSWORD } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { mailedToken } from '../support/eml.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';

describe.each(DRIVERS)(
  'an unverified account in use that is registered again on $name',
  (driver) => {
    let keyturn: TestKeyturn;
    let client: Client;
    beforeAll(async () => {
      keyturn = await startKeyturn(driver, { env: { EMAIL_VERIFICATION: 'required' } });
      client = clientOf(keyturn);
    });
    afterAll(() => keyturn.close());

    test('has one name, in its tokens too', async () => {
      const email = freshEmail();
      const register = async (name: string) => {
        expectAccepted(
          await client.post('/api/auth/register', { email, password: PASSWORD, name }),
        );
        await answerRequests(keyturn);
      };
      await register('Ann');
      const token = await mailedToken(keyturn, email);
      await client.post('/api/auth/email/verify', { token }).expect(204);
      const ann = await client.login({ email });
      // As if it had been used before addresses had to be verified.
      await keyturn.sql('UPDATE users SET email_verified = false WHERE email = $1', [email]);
      await register('Ann Lee');
      const { body: user } = await client.me(ann);
      const { body: tokens } = await client.refresh(ann.refreshToken);
      expect(claimsOf(tokens.access_token)).toMatchObject({ name: user.name });
    });
  },
);
