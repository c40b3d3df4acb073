import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadedWith } from './support/loaded-with.ts';
import { faultsOf } from './support/walls.ts';

const root = join(import.meta.dirname, '..');

const paths = globSync(['src/**/*.{ts,js}', 'migrations/**/*.ts'], { cwd: root });
const sources = new Map(paths.map((path) => [path, readFileSync(join(root, path), 'utf8')]));

test('the house is in order', () => {
  expect(paths.length).toBeGreaterThan(50);
  expect(faultsOf(sources)).toEqual([]);
});

test('a server on PostgreSQL starts without what it may never need', () => {
  const packages = loadedWith(sources, ['src/cli.ts', 'src/db/postgres.ts']);
  for (const needed of ['koa', 'pg', 'zod', 'pino']) expect(packages).toContain(needed);
  for (const heavy of [
    ...['@electric-sql/pglite', 'pino-pretty', 'prom-client', 'yaml', 'nodemailer'],
    ...['argon2', '@node-rs/argon2', 'bcryptjs'],
  ]) {
    expect(packages).not.toContain(heavy);
  }
  expect(loadedWith(sources, ['src/db/embedded.ts'])).toContain('@electric-sql/pglite');
});

const HOUSE = {
  'src/cli.ts': "import './compose.ts';\nexport const home = process.env['HOME'];",
  'src/compose.ts': "import { router } from './issuer/router.ts';\nexport const app = router;",
  'src/client/client.ts': 'export const version = 1;',
  'src/control/socket.ts': 'export const path = 1;',
  'src/resource-server/todos.ts': 'export const todos = 1;',
  'src/issuer/router.ts': "export const router = import('./sessions/store.ts');",
  'src/issuer/users/store.ts': 'export type User = string;',
  'src/issuer/keys/keyring.ts': "import { importJWK } from 'jose';\nexport const key = importJWK;",
  'src/issuer/audit/trail.ts': 'export type Trail = string;',
  'src/issuer/sessions/store.ts':
    "import { sql } from 'kysely';\nimport type { Trail } from '../audit/trail.ts';\n" +
    'export const read = (db: any, trail: Trail) => db.selectFrom(sql`select 1 from sessions`);',
  'src/issuer/sessions/machine.ts':
    "import { seconds } from '../../kit/duration.ts';\nimport type { Clock } from '../../kit/clock.ts';\n" +
    'export const decide = (clock: Clock, now: Date): Date => new Date(now.getTime() + seconds);',
  'src/kit/clock.ts': 'export type Clock = { now(): Date };\nexport const now = () => new Date();',
  'src/kit/duration.ts': 'export const seconds = 1;',
};

/** A house in order but for one file. */
const faultsWith = (path: string, code: string) =>
  faultsOf(new Map(Object.entries({ ...HOUSE, [path]: code })));

describe('the walls', () => {
  test('stand in a house in order', () => {
    expect(faultsOf(new Map(Object.entries(HOUSE)))).toEqual([]);
  });

  test('are not proven by nothing', () => {
    expect(() => faultsOf(new Map())).toThrow('no imports');
    expect(() => faultsOf(new Map([['src/kit/a.ts', 'export const a = 1;']]))).toThrow(
      'no imports',
    );
  });

  test.each([
    // Floors
    [
      'src/kit/a.ts',
      "import '../db/database.ts';",
      'imports src/db/database.ts, which is not there',
    ],
    ['src/kit/a.ts', "import '../issuer/router.ts';", 'a higher floor'],
    ['src/kit/a.ts', "import type { R } from '../issuer/router.ts';", 'a higher floor'],
    ['src/kit/a.ts', "import { type R } from '../issuer/router.ts';", 'a higher floor'],
    ['src/kit/a.ts', "export type R = import('../issuer/router.ts').R;", 'a higher floor'],
    ['src/kit/a.ts', "export const r = () => import('../issuer/router.ts');", 'a higher floor'],
    [
      'src/kit/a.ts',
      "export const b = 1;\nexport { r } from '../issuer/router.ts';",
      ':2: imports',
    ],
    ['src/kit/a.ts', 'export const r = (name: string) => import(name);', 'computed'],
    ['src/control/a.ts', "import '../compose.ts';", 'a stranger on the same floor'],
    ['src/issuer/keys/a.ts', "import type { User } from '../users/store.ts';", 'a stranger'],
    ['src/issuer/sessions/a.ts', "import '../users/store.ts';", 'never imports src/issuer/users/'],
    ['src/resource-server/a.ts', "import '../issuer/audit/trail.ts';", 'never imports src/issuer/'],
    ['src/client/a.ts', "import type { Clock } from '../kit/clock.ts';", 'a higher floor'],
    ['src/client/a.ts', "import 'node:fs';", 'the browser has no node:fs'],
    ['src/attic/a.ts', 'export const a = 1;', 'in no room'],
    ['src/kit/a.ts', "import '../../test/a.ts';", 'not there'],
    ['src/kit/a.ts', "import './clock';", 'without .ts'],
    ['src/kit/a.ts', "import 'node:process';", 'past the walls'],
    // Doors
    ['src/kit/a.ts', "import type { Pool } from 'pg';", 'imports pg, whose door is src/db/'],
    ['src/kit/a.ts', "import 'jose/jwt/verify';", 'imports jose, whose door'],
    ['src/kit/a.ts', "import '@koa/router/x';", 'imports @koa/router, whose door'],
    ['src/kit/a.ts', "import 'left-pad';", 'imports left-pad, which has no door'],
    // Pure files
    [
      'src/issuer/keys/machine.ts',
      "import { now } from '../../kit/clock.ts';",
      'pure, but imports',
    ],
    [
      'src/issuer/keys/machine.ts',
      "import { readFile } from 'node:fs/promises';",
      'pure, but imports',
    ],
    ['src/config/a.ts', "import { isIP, connect } from 'node:net';", 'pure, but imports node:net'],
    ['src/config/a.ts', "import * as net from 'node:net';", 'pure, but imports node:net'],
    ['src/config.ts', 'export const a = process.argv;', 'pure, but uses process.argv'],
    ['src/config.ts', "export const a = globalThis.process['argv'];", 'pure, but uses globalThis'],
    ['src/issuer/keys/policy.ts', 'export const a = Math.random();', 'pure, but uses Math.random'],
    ['src/issuer/keys/policy.ts', 'export const a = () => fetch("x");', 'pure, but uses fetch'],
    ['src/issuer/keys/policy.ts', 'setTimeout(() => {}, 1);', 'pure, but uses setTimeout'],
    // What only some may do
    ['src/http/a.ts', 'export const a = new Date();', 'uses new Date()'],
    ['src/http/a.ts', 'export const a = Date();', 'uses Date()'],
    ['src/http/a.ts', 'export const a = { now: Date.now };', 'uses Date.now'],
    ['src/http/a.ts', "export const a = Date['now']();", 'uses Date.now'],
    ['src/http/a.ts', 'export const { now } = Date;', 'uses Date'],
    ['src/http/a.ts', 'setInterval(() => {}, 1);', 'uses setInterval()'],
    ['src/http/a.ts', 'export const a = process.env.HOME;', 'uses process.env'],
    ['src/http/a.ts', 'export const { env } = process;', 'uses process'],
    ['src/http/a.ts', 'export const a = { process };', 'uses process'],
    ['src/cli.ts', "import './compose.ts';\nprocess.exit(1);", ':2: uses process.exit'],
    ['src/issuer/login/a.ts', "export const a = 'select a\\nfrom b';", 'SQL outside of a store'],
    ['src/issuer/login/a.ts', `export const a = (t) => \`delete from \${t}\`;`, 'SQL outside'],
    ['src/issuer/login/a.ts', "export const a = (db) => db.updateTable('b');", 'SQL outside'],
    ['src/issuer/login/a.ts', "import { sql } from 'kysely';", 'imports kysely, whose door'],
    // Shape
    ['src/kit/a.ts', 'const a = 1;\nexport default a;', ':2: a default export'],
    ['src/kit/a.ts', 'const a = 1;\nexport { a as default };', ':2: a default export'],
    ['src/kit/a.ts', "export { now } from './clock.ts';", 'a barrel'],
    ['src/kit/a.ts', "export const b = 1;\nexport * from './clock.ts';", ':2: a barrel'],
    ['src/resource-server/exports.ts', "export * from '../kit/clock.ts';", 'a barrel'],
    ['src/kit/aB.ts', 'export const a = 1;', 'not kebab-case'],
    ['src/kit/date-utils.ts', 'export const a = 1;', 'a name that says nothing'],
    ['src/http/helpers/a.ts', 'export const a = 1;', 'a name that says nothing'],
    ['src/kit/a.ts', 'export class KeyManager {}', 'a name that says nothing: KeyManager'],
    ['src/kit/a.ts', 'export const = 1;', 'does not parse'],
  ])('are seen to be broken: %s: %s', (path, code, fault) => {
    const faults = faultsWith(path, code);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(`${path}:`);
    expect(faults[0]).toContain(fault);
  });

  test('are seen to be broken by a file of 251 lines', () => {
    expect(faultsWith('src/kit/a.ts', '// A line.\n'.repeat(250))).toEqual([]);
    const faults = faultsWith('src/kit/a.ts', '// A line.\n'.repeat(251));
    expect(faults).toEqual(['src/kit/a.ts:251: over 250 lines']);
  });

  test.each([
    ['src/http/a.ts', 'export const a = (now: Date) => now instanceof Date && new Date(1);'],
    ['src/http/a.ts', 'export const a = { process: 1, fetch: 2 }.process;'],
    ['src/http/a.ts', 'export type A = typeof globalThis.process.env;'],
    ['src/issuer/login/a.ts', "export const a = 'Insert it into the form, select or delete';"],
    ['src/config/a.ts', "import { isIP } from 'node:net';\nexport const a = isIP;"],
    ['src/issuer/sessions/end-store.ts', "export const a = (db) => db.deleteFrom('b');"],
    ['src/resource-server/a.ts', "import '../kit/clock.ts';"],
    ['src/resource-server/exports.ts', "export { now } from '../kit/clock.ts';"],
  ])('let pass what is no fault: %s: %s', (path, code) => {
    expect(faultsWith(path, code)).toEqual([]);
  });
});
