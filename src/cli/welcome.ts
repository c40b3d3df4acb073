import { resolve } from 'node:path';
import type { Config } from '../config.ts';

const THIS_MACHINE = ['127.0.0.1', '::1', '0.0.0.0', '::'];

/** What a person at a terminal sees once Keyturn is ready; in production nothing but log lines. */
export function welcome(config: Config): string {
  if (config.production) return '';
  const { issuer, database, keyEncryptionKeys: keys } = config;
  const here = addressOf(config.listen);
  const where = {
    Listening: here,
    ...(issuer !== here && { Issuer: issuer }),
    Database:
      database.url === undefined
        ? `embedded PostgreSQL in ${resolve(config.dataDir)}`
        : 'PostgreSQL by DATABASE_URL',
    Keys: keys.from === 'directory' ? resolve(keys.dir) : 'from the environment',
    Mail: config.mail ? 'by SMTP_URL' : `written to ${resolve(config.dataDir, 'mail')}`,
  };
  const lines = Object.entries(where).map(([name, value]) => `  ${name.padEnd(10)} ${value}`);
  return `
  Keyturn is ready.

${lines.join('\n')}
${config.registration === 'open' ? callToTry(here) : ''}
`;
}

const callToTry = (here: string): string => `
  Try it:

  curl -s ${here}/api/auth/register -H 'Content-Type: application/json' \\
    -d '{"email":"ada@example.com","password":"a long and secret one","name":"Ada"}'
`;

/** Where this machine reaches the listener. */
function addressOf({ host, port }: Config['listen']): string {
  const name = THIS_MACHINE.includes(host) ? 'localhost' : host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
}
