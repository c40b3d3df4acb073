import { writeFile } from 'node:fs/promises';
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
    for (const words of [`users import ${file}`, 'keys revoke --all', 'restored']) {
      const { status, stdout } = await say(`${words} --json`, site);
      expect({ status, ...JSON.parse(stdout) }, words).toMatchObject({
        status: 1,
        error: { code: 'no_keys', detail: expect.stringContaining('start the server once first') },
      });
    }
    const server = await (await startServer(site)).ready();
    expect((await say(`users import ${file}`, site)).status).toBe(0);
    expect((await say('restored', site)).status).toBe(0);
    await server.stop('SIGINT');
    await storage.drop();
  });
});
