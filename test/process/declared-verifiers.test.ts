import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { newDirectory } from '../support/databases.ts';
import { logLines, siteOn, startServer, WAIT } from '../support/server-process.ts';

test('a start warns of the verifiers that an operator declared', async () => {
  const dataDir = join(await newDirectory(), 'data');
  mkdirSync(dataDir);
  const gateway = { name: 'gateway', keeps: '26h', unknown_kid: 'never' };
  // JSON is YAML.
  writeFileSync(join(dataDir, 'verifiers.yaml'), JSON.stringify({ verifiers: [gateway] }));
  // Nobody listens there, and none is needed for it.
  const server = await startServer(await siteOn({ url: 'postgres://127.0.0.1:1/none', dataDir }));
  await vi.waitUntil(() => server.said.stdout.includes('waiting for it'), WAIT);
  const { status, stdout } = await server.stop('SIGINT');
  expect(status).toBe(0);
  const said = logLines(stdout).filter(({ msg }) => `${msg}`.includes('keeps a JWKS'));
  expect(said.map(({ msg }) => msg)).toEqual([
    expect.stringMatching(/^gateway keeps a JWKS for 26h/),
  ]);
});
