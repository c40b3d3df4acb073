import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test, vi } from 'vitest';
import { run } from '../../src/cli.ts';
import { lockDirectory } from '../../src/db/directory-lock.ts';
import {
  logLines,
  type ServerProcess,
  siteOn,
  startServer,
  statusOf,
  WAIT,
} from '../support/server-process.ts';
import { embeddedDriver } from '../support/verifiers/command-site.ts';

const untilWaiting = ({ said }: ServerProcess) =>
  vi.waitUntil(() => {
    const lines = logLines(said.stdout);
    return lines.find(({ msg }) => msg === 'the database is away; waiting for it');
  }, WAIT);

test('a server waits for a command that has DATA_DIR to itself, and may be stopped meanwhile', async () => {
  const storage = await embeddedDriver().create();
  const command = await lockDirectory(storage.dataDir);
  const site = await siteOn(storage);
  const first = await startServer(site);
  const { reason } = await untilWaiting(first);
  expect(reason).toContain(`in use by process ${process.pid}`);
  expect(await statusOf(`${first.url}/readyz`)).toBe(503);
  expect((await first.stop('SIGTERM')).status).toBe(0);

  const second = await startServer(site);
  await untilWaiting(second);
  await command.release();
  await second.ready();
  expect((await second.stop('SIGINT')).status).toBe(0);
  await storage.drop();
});

test('a server that ends while it does what a command asks: the command cannot tell whether', async () => {
  const storage = await embeddedDriver().create();
  const { env, cwd } = await siteOn(storage);
  const server = await (await startServer({ env, cwd })).ready();
  async function* users() {
    yield Buffer.from('{"email":"ann@example.com","name":"Ann"}\n');
    server.kill('SIGKILL');
    await server.ended;
  }
  const out = new PassThrough();
  const argv = ['users', 'import', '-', '--json'];
  const input = () => Readable.from(users());
  process.chdir(cwd);
  expect(await run({ argv, env, out, err: new PassThrough(), input })).toBe(1);
  out.end();
  expect(JSON.parse(await text(out))).toEqual({
    error: { code: 'server_gone', detail: expect.stringContaining('before you repeat it') },
  });
  await storage.drop();
});
