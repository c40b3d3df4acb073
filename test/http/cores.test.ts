import { createRemoteJWKSet, jwtVerify } from 'jose';
import { expect, test } from 'vitest';
import { clientOf } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { startKeyturn } from '../support/keyturn.ts';

const SESSIONS = 20;

// Signatures are made on the main thread where there is one core, and on others where there are more.
test.each([1, 2])(
  'many tokens at once are each their own session’s, on %i cores',
  async (cores) => {
    const [driver] = DRIVERS;
    if (!driver) throw new Error('there is no database');
    const keyturn = await startKeyturn(driver, { cores });
    try {
      const client = clientOf(keyturn);
      const ann = await client.register();
      const logins = await Promise.all(Array.from({ length: SESSIONS }, () => client.login(ann)));
      const refreshed = await Promise.all(
        logins.map(({ refreshToken }) => client.refresh(refreshToken)),
      );
      const keys = createRemoteJWKSet(new URL(`${keyturn.url}/.well-known/jwks.json`));
      const seen = await Promise.all(
        refreshed.map(async ({ status, body }) => {
          expect(status).toBe(200);
          const options = { issuer: keyturn.issuer, currentDate: keyturn.clock.now() };
          return (await jwtVerify(body.access_token, keys, options)).payload;
        }),
      );
      expect(seen.map(({ sid }) => sid)).toEqual(logins.map(({ sessionId }) => sessionId));
      expect(new Set(seen.map(({ jti }) => jti)).size).toBe(SESSIONS);
    } finally {
      await keyturn.close();
    }
  },
);
