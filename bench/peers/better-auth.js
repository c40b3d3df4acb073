// Better Auth as its documentation has it for Node.js and PostgreSQL, with the jwt plugin.
import { createServer } from 'node:http';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { toNodeHandler } from 'better-auth/node';
import { jwt } from 'better-auth/plugins';
import pg from 'pg';
import { hashPassword, verifyPassword } from './password.js';

const { PORT, DATABASE_URL, POOL_SIZE, SECRET } = process.env;
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: Number(POOL_SIZE) });

const auth = betterAuth({
  baseURL: `http://localhost:${PORT}`,
  secret: SECRET,
  database: pool,
  emailAndPassword: {
    enabled: true,
    password: {
      hash: hashPassword,
      verify: ({ hash, password }) => verifyPassword(password, hash),
    },
  },
  // One query for a session and its user instead of two.
  advanced: { database: { joins: true } },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  logger: { disabled: true },
  plugins: [
    jwt({
      jwks: { keyPairConfig: { alg: 'RS256', modulusLength: 2048 } },
      // Else each read of a session signs a token as well.
      disableSettingJwtHeader: true,
    }),
  ],
});

if (process.argv[2] === 'migrate') {
  const { runMigrations } = await getMigrations(auth.options);
  await runMigrations();
  await pool.end();
} else {
  createServer(toNodeHandler(auth)).listen(Number(PORT), '127.0.0.1');
}
