import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { clientOf } from '../support/client.ts';
import { KEY } from '../support/config.ts';
import { administer, createTestDatabase } from '../support/postgres.ts';
import { emptySite, logLines, runCommand, siteOn, startServer } from '../support/server-process.ts';

const BAD = {
  PORT: '70000',
  ISSUER_URL: 'https://id.example.com/path/',
  DATABASE_URL: 'mysql://root:hunter2-of-the-database@db/keyturn',
  KEY_ENCRYPTION_KEY: 'short-key-of-hunter2',
  SMTP_URL: 'smtp://user:hunter2-of-the-mail@mail.example.com',
  ACCESS_TOKEN_TTL: '8d',
  LOG_LEVEL: 'loud',
};

describe('a bad configuration', () => {
  test.each(['serve', 'migrate'])(
    'stops %s with 78 and one message about all of it',
    async (name) => {
      const { status, stdout, stderr } = await runCommand([name], await emptySite(BAD));
      expect({ status, stdout }).toEqual({ status: 78, stdout: '' });
      expect(stderr.match(/Keyturn cannot start/g)).toHaveLength(1);
      for (const variable of Object.keys(BAD)) {
        if (variable === 'SMTP_URL') continue;
        expect(stderr).toMatch(
          new RegExp(`^  ${variable}: .+\n    for example: ${variable}=.+$`, 'm'),
        );
      }
      // Good alone, it lacks its other half.
      expect(stderr).toMatch(/^ {2}MAIL_FROM: /m);
      expect(stderr).not.toContain('hunter2');
      expect(stderr).not.toMatch(/^\s+at /m);
    },
  );

  test('in production names what production needs', async () => {
    const unsafe = { ISSUER_URL: 'http://id.example.com', SMTP_URL: 'smtp://m', RATE_LIMIT: 'off' };
    const site = await emptySite({ NODE_ENV: 'production', ...unsafe });
    const { status, stderr } = await runCommand(['serve'], site);
    expect(status).toBe(78);
    expect(stderr.match(/Keyturn cannot start/g)).toHaveLength(1);
    const refused = ['ISSUER_URL', 'DATABASE_URL', 'KEY_ENCRYPTION_KEY', 'MAIL_FROM', 'RATE_LIMIT'];
    for (const name of refused) {
      expect(stderr).toMatch(new RegExp(`^  ${name}: `, 'm'));
    }
  });
});

describe('.env', () => {
  test('is read in development, below the environment', async () => {
    const site = await emptySite({ PORT: '70001' });
    writeFileSync(join(site.cwd, '.env'), 'PORT=70002\nLOG_LEVEL=from-the-file\n');
    const { status, stderr } = await runCommand(['serve'], site);
    expect(status).toBe(78);
    expect(stderr).toContain('70001');
    expect(stderr).not.toContain('70002');
    expect(stderr).toContain('from-the-file');
  });

  test('says nothing of a variable that is set to nothing, which then has its default', async () => {
    const site = await emptySite({ PORT: '', LOG_LEVEL: 'loud' });
    writeFileSync(join(site.cwd, '.env'), 'PORT=70002\n');
    const { status, stderr } = await runCommand(['serve'], site);
    expect(status).toBe(78);
    expect(stderr).toContain('LOG_LEVEL');
    expect(stderr).not.toContain('PORT');
  });

  test('that cannot be read stops a command with 78, and says so in one line', async () => {
    const site = await emptySite({});
    mkdirSync(join(site.cwd, '.env'));
    const { status, stdout, stderr } = await runCommand(['keys', 'list'], site);
    expect({ status, stdout }).toEqual({ status: 78, stdout: '' });
    expect(stderr).toMatch(/^keyturn keys list: \.env cannot be read \(EISDIR\)\. .+\n$/);
    const machine = await runCommand(['keys', 'list', '--json'], site);
    expect(machine).toMatchObject({ status: 78, stderr: '' });
    expect(JSON.parse(machine.stdout).error).toEqual({
      code: 'bad_configuration',
      detail: expect.stringMatching(/^\.env cannot be read/),
    });
  });

  test('is not read in production', async () => {
    const site = await emptySite({ NODE_ENV: 'production', PORT: '70001' });
    writeFileSync(join(site.cwd, '.env'), 'LOG_LEVEL=from-the-file\n');
    const { status, stderr } = await runCommand(['serve'], site);
    expect(status).toBe(78);
    expect(stderr).toContain('70001');
    expect(stderr).not.toMatch(/LOG_LEVEL|from-the-file/);
  });
});

test('production with all that it needs serves, and logs JSON lines', async () => {
  const database = await createTestDatabase();
  const site = await siteOn(
    { url: database.url, dataDir: 'data' },
    {
      NODE_ENV: 'production',
      ISSUER_URL: 'https://id.example.com',
      KEYS_DIR: undefined,
      KEY_ENCRYPTION_KEY: KEY,
      RATE_LIMIT: 'on',
      TRUST_PROXY: '1',
    },
  );
  const server = await (await startServer(site)).ready();
  const client = clientOf(server);
  const metadata = await client.get('/.well-known/openid-configuration').expect(200);
  expect(metadata.body.issuer).toBe('https://id.example.com');
  expect(metadata.headers).toHaveProperty('strict-transport-security');
  const advice = logLines(server.said.stdout).filter(({ level }) => level === 'warn');
  expect(advice.map(({ msg }) => msg).join()).toMatch(/SMTP_URL: .*mail is written to files/);
  expect(await server.stop('SIGTERM')).toMatchObject({ status: 0, stderr: '' });
  await database.drop();
});

describe('the command line', () => {
  test.each([
    { argv: [], says: 'A command is missing' },
    { argv: ['fly'], says: 'There is no command fly' },
    { argv: ['serve', '--fast'], says: '--fast' },
    { argv: ['serve', 'me'], says: 'me' },
    { argv: ['migrate', '--yaml'], says: '--yaml' },
  ])('$argv is wrong usage', async ({ argv, says }) => {
    const { status, stdout, stderr } = await runCommand(argv, await emptySite());
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(says);
    expect(stderr).toMatch(/help|Usage/);
  });

  test.each(['help', '--help', '-h'])('%s shows the commands', async (word) => {
    const { status, stdout, stderr } = await runCommand([word], await emptySite());
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^ {2}serve\b/m);
    expect(stdout).toMatch(/^ {2}migrate\b/m);
  });
});

test('a port that is taken ends the start with 1 and says so', async () => {
  const occupant = createServer().listen(0, '127.0.0.1');
  await once(occupant, 'listening');
  const { port } = occupant.address() as AddressInfo;
  const site = await emptySite({ PORT: String(port) });
  const { status, stdout, stderr } = await runCommand(['serve'], site);
  occupant.close();
  expect(status).toBe(1);
  // The log says it in the same words, without where in Keyturn it arose.
  const { time: _, ...told } = logLines(stdout).at(-1) ?? {};
  expect(told).toEqual({ level: 'fatal', code: 'address_in_use', msg: stderr.trim() });
  expect(stderr).toMatch(new RegExp(`^Keyturn cannot run: .*127.0.0.1:${port}.*PORT`));
  expect(stderr.trim().split('\n')).toHaveLength(1);
});

test.each([{ PORT: '0' }, { PORT: '3999' }])(
  "an address that is not this machine's ends the start with 78 and says so, with %o",
  async (port) => {
    const site = await emptySite({ HOST: '192.0.2.1', ...port });
    const { status, stderr } = await runCommand(['serve'], site);
    expect(status).toBe(78);
    expect(stderr).toMatch(/^Keyturn cannot run: HOST: .*192\.0\.2\.1.*such as 127\.0\.0\.1\.\n$/);
  },
);

test('a failure that nobody foresaw ends the start with 1, and the log says where it arose', async () => {
  const database = await createTestDatabase();
  await administer(database.url, 'create table signing_keys ()');
  const site = await siteOn({ url: database.url, dataDir: 'data' });
  const { status, stdout, stderr } = await runCommand(['serve'], site);
  expect(status).toBe(1);
  expect(stderr).toMatch(/^Keyturn cannot run: .*signing_keys.*\n$/);
  expect(logLines(stdout).at(-1)).toMatchObject({
    level: 'fatal',
    err: { stack: expect.stringContaining('migrate') },
  });
  await database.drop();
});
