import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { httpRequest, registerAccounts, repeat, walkSession } from '../harness/api.ts';
import { startServer } from '../harness/server.ts';
import type { Contender } from './contender.ts';

const ROOT = join(import.meta.dirname, '../..');
/** What `npm start` runs. */
const ENTRY = join(ROOT, 'src/bin.js');

/** This server. */
export const keyturn: Contender = {
  name: 'Keyturn',
  notes: ['login: one request; token: a refresh with rotation; read: GET /api/auth/me'],
  installed: { directory: ROOT, packages: dependencies() },
  own: ['src', 'migrations', 'package.json'].map((name) => join(ROOT, name)),
  start: ({ cores, options }, databaseUrl, home) =>
    startServer({ cores, options: { ...options, entry: ENTRY } }, databaseUrl, home),
  async prepare(port, { login, others }) {
    const accounts = await registerAccounts(port, others);
    const jwks = httpRequest(port, 'GET', '/.well-known/jwks.json');
    return {
      login: accounts.slice(0, login).map(({ email, password }) => {
        const body = { email, password };
        return repeat(httpRequest(port, 'POST', '/api/auth/login', { body }), 200);
      }),
      token: accounts.map(({ refreshToken }) => walkSession(port, refreshToken)),
      read: accounts.map(({ accessToken: bearer }) =>
        repeat(httpRequest(port, 'GET', '/api/auth/me', { bearer }), 200),
      ),
      jwks: accounts.map(() => repeat(jwks, 200)),
    };
  },
};

/** What `npm ci --omit=dev` installs. */
function dependencies(): string[] {
  const { dependencies, optionalDependencies } = JSON.parse(
    readFileSync(join(ROOT, 'package.json'), 'utf8'),
  ) as Record<string, Record<string, string> | undefined>;
  return Object.keys({ ...dependencies, ...optionalDependencies });
}
