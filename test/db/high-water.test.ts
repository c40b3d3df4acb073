import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { openHighWaterMark } from '../../src/issuer/keys/high-water.ts';
import type { Logger } from '../../src/kit/log.ts';
import { newDirectory } from '../support/databases.ts';

const FILE = 'state-version.json';
let dir: string;
beforeEach(async () => {
  dir = join(await newDirectory(), 'data');
});

let warnings: string[];
const open = () => {
  warnings = [];
  const warn = (_: object, message: string) => warnings.push(message);
  return openHighWaterMark(dir, { warn } as unknown as Logger);
};
const at = (version: number, instanceId = 'one') => ({ instanceId, version });
const onDisk = async () => JSON.parse(await readFile(join(dir, FILE), 'utf8'));

describe('the highest state version seen', () => {
  test('refuses a database that is older, and takes one that is as old', async () => {
    const mark = await open();
    expect(await mark.accept(at(0))).toBe(true);
    expect(await mark.accept(at(7))).toBe(true);
    expect(await mark.accept(at(7))).toBe(true);
    expect(await mark.accept(at(6))).toBe(false);
    expect(await mark.accept(at(8))).toBe(true);
  });

  test('is remembered by the next process of the directory, before accept answers', async () => {
    expect(await (await open()).accept(at(7))).toBe(true);
    expect(await onDisk()).toEqual({ one: 7 });
    expect(await (await open()).accept(at(6))).toBe(false);
  });

  test('is kept for each database by itself', async () => {
    const mark = await open();
    await mark.accept(at(7));
    expect(await mark.accept(at(1, 'two'))).toBe(true);
    expect(await onDisk()).toEqual({ one: 7, two: 1 });
    expect(await mark.accept(at(6))).toBe(false);
  });

  test('is never lowered by another process that shares the directory', async () => {
    const [server, command] = [await open(), await open()];
    await server.accept(at(9));
    await command.accept(at(5));
    expect(await onDisk()).toEqual({ one: 9 });
    expect(await command.accept(at(8))).toBe(false);
  });

  test('is written whole, for its owner alone, and leaves nothing beside', async () => {
    const mark = await open();
    await Promise.all(Array.from({ length: 20 }, (_, version) => mark.accept(at(version))));
    expect(await onDisk()).toEqual({ one: 19 });
    expect(await readdir(dir)).toEqual([FILE]);
  });

  test('is forgotten with a file that was cut off, and nothing else happens', async () => {
    await (await open()).accept(at(7));
    for (const text of ['', '{"one":', '[]', 'null', '{"one":"9"}', '{"one":1.5}']) {
      await writeFile(join(dir, FILE), text);
      expect(await (await open()).accept(at(1))).toBe(true);
    }
  });

  test('is kept in memory where it cannot be written, with one warning', async () => {
    // What it writes first is in the way.
    await mkdir(join(dir, `${FILE}.${process.pid}`), { recursive: true });
    const mark = await open();
    expect(await mark.accept(at(7))).toBe(true);
    expect(await mark.accept(at(8))).toBe(true);
    expect(await mark.accept(at(7))).toBe(false);
    expect(warnings).toEqual([expect.stringContaining('a restored backup goes unnoticed')]);
  });
});
