import { expect, test } from 'vitest';
import { restartOf } from '../../src/restart.js';

const STARTED = {
  argv: ['/usr/bin/node', '/keyturn/src/main.ts', 'serve', '--only', 'issuer'],
  execArgv: ['--import=./trace.js'],
  env: { PORT: '3000', MALLOC_ARENA_MAX: '8' },
  connected: false,
};

test('a server is started anew with little room for garbage, all else as it was', () => {
  const restart = restartOf(STARTED);
  expect(restart?.args).toEqual([
    '/usr/bin/node',
    '--import=./trace.js',
    '--max-semi-space-size=4',
    '--heap-growing-percent=25',
    '/keyturn/src/main.ts',
    'serve',
    '--only',
    'issuer',
  ]);
  expect(restart?.env).toMatchObject({ PORT: '3000', MALLOC_TRIM_THRESHOLD_: '131072' });
});

test('what an operator has set stays', () => {
  expect(restartOf(STARTED)?.env).toMatchObject({ MALLOC_ARENA_MAX: '8' });
});

test.each([
  ['a command', { argv: ['node', 'main.ts', 'keys', 'list'] }],
  ['a process that its parent talks to', { connected: true }],
  ['a size among the arguments', { execArgv: ['--max-semi-space-size=16'] }],
  ['a size in V8’s other spelling', { execArgv: ['--max_semi_space_size=16'] }],
  ['a size in NODE_OPTIONS', { env: { NODE_OPTIONS: '--max-semi-space-size=16' } }],
])('%s is left as it is', (_what, change) => {
  expect(restartOf({ ...STARTED, ...change })).toBeUndefined();
});
