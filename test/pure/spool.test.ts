import { mkdtemp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test, vi } from 'vitest';
import { spooled } from '../../src/control/spool.ts';
import { runDirectory } from '../support/run-directory.ts';

afterEach(() => void vi.unstubAllEnvs());

async function* source() {
  yield Buffer.from('one\n');
  yield Buffer.from('two\n');
}

test.each(['a directory for temporary files', 'none, as where the root is read-only'])(
  'what is read twice is kept in a file without a name, with %s',
  async (which) => {
    const [tmp, dataDir] = [await directory(), await directory()];
    vi.stubEnv('TMPDIR', which.startsWith('none') ? join(tmp, 'none') : tmp);
    const read = await spooled(source(), { dataDir }, async (again) => [
      await text(again()),
      await text(again()),
      ...(await readdir(tmp)),
      ...(await readdir(dataDir)),
    ]);
    expect(read).toEqual(['one\ntwo\n', 'one\ntwo\n']);
  },
);

test('where there is neither, the first is named', async () => {
  const nowhere = join(await directory(), 'nowhere');
  vi.stubEnv('TMPDIR', nowhere);
  const doing = spooled(source(), { dataDir: join(nowhere, 'either') }, () => expect.fail());
  await expect(doing).rejects.toThrow(
    `ENOENT: no such file or directory, open '${nowhere}/keyturn-`,
  );
});

test('whoever is waited for no longer reads no further', async () => {
  const leaving = new AbortController();
  const long = Readable.from([Buffer.alloc(200_000, 'x')]);
  const options = { dataDir: await directory(), signal: leaving.signal };
  let read = 0;
  const doing = spooled(long, options, async (again) => {
    for await (const chunk of again()) {
      read += chunk.length;
      leaving.abort(new Error('the server stops'));
    }
  });
  await expect(doing).rejects.toThrow('the server stops');
  expect(read).toBeGreaterThan(0);
  expect(read).toBeLessThan(200_000);
});

const directory = () => mkdtemp(join(runDirectory(), 'spool-'));
