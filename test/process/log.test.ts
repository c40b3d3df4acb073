import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';

const LOG = JSON.stringify(new URL('../../src/kit/log.ts', import.meta.url).href);
const START = `import { createLogger, closeLogger } from ${LOG};
const log = createLogger({ level: 'info', format: 'json' });`;

const argv = (body: string): string[] => ['--input-type=module', '-e', `${START}\n${body}`];

const messages = (output: string): unknown[] =>
  output
    .split('\n')
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { msg: unknown }).msg);

test('a process that ends by itself or by an exception loses no line', () => {
  const quiet = spawnSync(process.execPath, argv("log.info('one'); log.info('two');"));
  expect(messages(String(quiet.stdout))).toEqual(['one', 'two']);
  const thrown = spawnSync(
    process.execPath,
    argv("log.info('one'); log.fatal('two'); throw new Error();"),
  );
  expect(messages(String(thrown.stdout))).toEqual(['one', 'two']);
});

test('a closed logger has handed over everything', () => {
  const body =
    "for (let n = 0; n < 3000; n++) log.info({ n }, 'x'); await closeLogger(log); process.reallyExit(0);";
  expect(messages(String(spawnSync(process.execPath, argv(body)).stdout))).toHaveLength(3000);
});

test('a reader who takes his time gets every line, once and in order', async () => {
  // A pipe that has been looked at no longer blocks: it takes what it has room for, or nothing.
  const body = `process.stdout;
    for (let n = 0; n < 20000; n++) log.info({ n }, String(n));
    await closeLogger(log); process.reallyExit(0);`;
  const child = spawn(process.execPath, argv(body), { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = messages(await text(child.stdout));
  expect(lines).toEqual(Array.from({ length: 20_000 }, (_, n) => String(n)));
});

test('an error is written at once, though the event loop never gets a turn', async () => {
  const body = "log.error('one'); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);";
  const child = spawn(process.execPath, argv(body), { stdio: ['ignore', 'pipe', 'inherit'] });
  const [chunk] = await once(child.stdout, 'data');
  expect(messages(String(chunk))).toEqual(['one']);
  child.kill('SIGKILL');
  await once(child, 'exit');
});

test('a full disk costs lines, not the process', () => {
  const full = openSync('/dev/full', 'w');
  const body =
    "log.info('one'); log.fatal('two'); log.error('three'); await closeLogger(log); log.info('four');";
  const child = spawnSync(process.execPath, argv(body), { stdio: ['ignore', full, 'pipe'] });
  closeSync(full);
  expect([child.status, String(child.stderr)]).toEqual([0, '']);
});

test('a reader that leaves costs lines, not the process', async () => {
  const body = `process.stdin.on('end', async () => {
    log.info('two'); log.fatal('three'); await closeLogger(log); log.info('four');
  }).resume();`;
  const child = spawn(process.execPath, argv(body), { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdout.destroy();
  await once(child.stdout, 'close');
  child.stdin.end();
  expect(await once(child, 'exit')).toEqual([0, null]);
});
