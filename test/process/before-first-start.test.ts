import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DRIVERS, newDirectory } from '../support/databases.ts';
import { siteOn, startServer } from '../support/server-process.ts';
import { say } from '../support/verifiers/in-process.ts';

const KEY = Buffer.alloc(32, 7).toString('base64url');

describe.each(DRIVERS)('on a database that was migrated and never served, on $name', (driver) => {
  test('no command leaves what the first start would take for damage', async () => {
    const storage = await driver.create();
    const site = await siteOn(storage, { SELF_CHECK: 'off', KEY_ENCRYPTION_KEY: KEY });
    const file = join(await newDirectory(), 'users.jsonl');
    await writeFile(file, '{"email": "ann@example.com", "name": "Ann"}\n');
    expect((await say('migrate', site)).status).toBe(0);
    for (const words of ['keys revoke --all', 'restored']) {
      const { status, stdout } = await say(`${words} --json`, site);
      expect({ status, ...JSON.parse(stdout) }, words).toMatchObject({
        status: 1,
        error: { code: 'no_keys', detail: expect.stringContaining('start the server once first') },
      });
    }
    const [imported, created] = await Promise.all([
      say(`users import ${file}`, site),
      say('users create bob@example.com', site),
    ]);
    expect([imported, created]).toMatchObject([{ status: 0 }, { status: 0 }]);
    const { stdout: before } = await say('keys list --json', site);
    const server = await (await startServer(site)).ready();
    expect(JSON.parse((await say('keys list --json', site)).stdout)).toEqual(JSON.parse(before));
    expect((await say('users list --json', site)).stdout).toMatch(/ann@.*bob@/);
    expect((await say('restored', site)).status).toBe(0);
    await server.stop('SIGINT');
    await storage.drop();
  });

  test('a key-encryption key is made only where nobody else needs it', async () => {
    const storage = await driver.create();
    const site = await siteOn(storage, { SELF_CHECK: 'off' });
    expect((await say('migrate', site)).status).toBe(0);
    const made = () => readdir(site.env.KEYS_DIR ?? '').catch(() => []);
    for (const words of ['users import /dev/null', 'users create ann@example.com']) {
      const { status, stdout } = await say(`${words} --json`, site);
      if (driver.kind === 'embedded') expect(status, words).toBe(0);
      else expect(JSON.parse(stdout), words).toMatchObject({ error: { code: 'no_keys' } });
    }
    expect(await made()).toHaveLength(driver.kind === 'embedded' ? 1 : 0);
    const { stdout } = await say('users list --json', site);
    expect(JSON.parse(stdout).users).toHaveLength(driver.kind === 'embedded' ? 1 : 0);
    const server = await (await startServer(site)).ready();
    expect((await server.stop('SIGINT')).status).toBe(0);
    await storage.drop();
  });

  test('production makes no key-encryption key, and says how', async () => {
    const storage = await driver.create();
    const production = { NODE_ENV: 'production', EMBEDDED_DATABASE: 'yes', RATE_LIMIT: 'on' };
    const site = await siteOn(storage, production);
    expect((await say('migrate', site)).status).toBe(0);
    const { status, stdout } = await say('users import /dev/null --json', site);
    expect({ status, ...JSON.parse(stdout) }).toMatchObject({
      status: 78,
      error: {
        code: 'key_trouble',
        detail: expect.stringContaining('holds no key-encryption key'),
      },
    });
    await storage.drop();
  });
});
