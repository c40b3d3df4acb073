import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bearer, clientOf } from '../support/client.ts';
import { DRIVERS, newDirectory } from '../support/databases.ts';
import { MAIN, siteOn, startServer } from '../support/server-process.ts';
import { say } from '../support/verifiers/in-process.ts';

test.each(DRIVERS)(
  'a user who was deleted and is imported again finds nothing of before, on $name',
  async (driver) => {
    const storage = await driver.create();
    const site = await siteOn(storage, { SELF_CHECK: 'off' });
    const server = await (await startServer(site)).ready();
    const client = clientOf(server);
    const ann = await client.register();
    const todos = async (token: string) =>
      (await client.get('/api/users/me/todos', bearer(token))).body.todos;
    const add = (token: string, title: string) =>
      client.post('/api/users/me/todos', { title }, bearer(token)).expect(201);
    await add(ann.accessToken, 'Of before');

    const file = join(await newDirectory(), 'users.jsonl');
    await writeFile(file, (await say('users export', site)).stdout);
    expect(await say(`users delete ${ann.userId}`, site)).toMatchObject({ status: 0, stderr: '' });
    expect((await say(`users import ${file}`, site)).stdout).toBe('Users imported: 1.\n');
    const back = await client.login(ann);
    expect(back.userId).toBe(ann.userId);
    expect(await todos(back.accessToken)).toEqual([]);
    await add(back.accessToken, 'Of now');
    expect(await todos(back.accessToken)).toMatchObject([{ title: 'Of now' }]);
    await server.stop('SIGINT');
    await storage.drop();
  },
);

test.each(DRIVERS)('users are deleted also where there are no todos, on $name', async (driver) => {
  const storage = await driver.create();
  const site = await siteOn(storage, { SELF_CHECK: 'off' });
  const issuer = { ...site, serve: [MAIN, 'serve', '--only', 'issuer'] };
  const server = await (await startServer(issuer)).ready();
  expect((await say('users create ann@example.com', site)).status).toBe(0);
  const deleted = await say('users delete ann@example.com', site);
  expect(deleted).toMatchObject({ status: 0, stderr: '' });
  await server.stop('SIGINT');
  await storage.drop();
});
