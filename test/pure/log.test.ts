import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { manualClock } from '../../src/kit/clock.ts';
import { milliseconds } from '../../src/kit/duration.ts';
import { AppError, invalidRequest } from '../../src/kit/errors.ts';
import {
  closeLogger,
  createLogger,
  type Logger,
  type LogLevel,
  lineWriter,
} from '../../src/kit/log.ts';
import { descriptorOutput } from '../../src/kit/log-output.ts';
import { redactLine, redactValue } from '../../src/kit/log-redact.ts';
import { Secret } from '../../src/kit/secret.ts';

const MAILED = 'ktm_0123456789-_abcdefghij0123456789-_abcdefghi';
const REFRESH = 'ktr_AQAAZ0123456789-_abcdefghij';
const JWS = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl-_';

/** A JSON logger and the lines it wrote. */
function capture(level: LogLevel = 'trace'): {
  log: Logger;
  lines: string[];
  last(): Record<string, unknown>;
} {
  const lines: string[] = [];
  const log = createLogger({
    level,
    format: 'json',
    destination: { write: (line) => void lines.push(line) },
  });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? '') };
}

test('a line is one JSON object with level, time and message', () => {
  const { log, lines, last } = capture();
  log.child({ room: 'keys' }).warn({ kid: 'k' }, 'rotated');
  expect(lines).toHaveLength(1);
  expect(lines[0]?.endsWith('}\n')).toBe(true);
  const { time, ...rest } = last();
  expect(rest).toEqual({ level: 'warn', room: 'keys', kid: 'k', msg: 'rotated' });
  expect(new Date(String(time)).toISOString()).toBe(time);
});

test('lines below the level are not written', () => {
  const { log, lines } = capture('warn');
  log.info({}, 'quiet');
  expect(lines).toEqual([]);
  expect(log.isLevelEnabled('info')).toBe(false);
  expect(log.isLevelEnabled('error')).toBe(true);
});

test('an error keeps where it comes from and nothing that may hold input', () => {
  const { log, lines, last } = capture();
  const cause = Object.assign(new Error('duplicate key'), {
    code: '23505',
    constraint: 'users_email_key',
    detail: 'Key (email)=(ann@example.com) already exists.',
    parameters: ['ann@example.com'],
  });
  const error = new AppError(invalidRequest, {
    cause,
    headers: { 'x-secret': 'ann@example.com' },
    fields: [{ path: 'email', message: 'ann@example.com' }],
  });
  for (const key of ['err', 'error', 'cause']) {
    log.error({ [key]: error }, 'failed');
    expect(last()[key]).toEqual({
      type: 'AppError',
      message: 'The request is not valid',
      code: 'invalid_request',
      stack: error.stack,
      cause: {
        type: 'Error',
        message: 'duplicate key',
        code: '23505',
        constraint: 'users_email_key',
        stack: cause.stack,
      },
    });
  }
  expect(lines.join('')).not.toContain('ann@example.com');
});

test('a circle of causes ends', () => {
  const { log, last } = capture();
  const error = new Error('round');
  error.cause = error;
  log.error({ err: error }, 'failed');
  expect(last().err).toMatchObject({ cause: { cause: { message: 'round' } } });
});

test('a thrown value that is no error keeps its type', () => {
  const { log, last } = capture();
  log.error({ err: { password: 'hunter2' } }, 'failed');
  expect(last().err).toEqual({ type: 'object' });
  log.error({ err: 'plain text' }, 'failed');
  expect(last().err).toEqual({ type: 'string', message: 'plain text' });
});

test('secrets print as redacted at any depth', () => {
  const { log, lines } = capture();
  const secret = new Secret('hunter2');
  log.child({ bound: secret }).info({ secret, deep: [{ secret }] }, `${secret}`);
  log.info(secret, 'bare');
  expect(lines.join('')).not.toContain('hunter2');
  expect(inspect({ secret })).toBe('{ secret: [redacted] }');
  expect(lines[0]?.match(/\[redacted\]/g)).toHaveLength(4);
});

test.each([
  [REFRESH, '[refresh token]'],
  [MAILED, '[mailed token]'],
  [`/verify-email?token=${MAILED}&a=b`, '/verify-email?token=[mailed token]&a=b'],
  [`eyJ${MAILED}`, 'eyJ[mailed token]'],
  [`cookie=${REFRESH}; a=b`, 'cookie=[refresh token]; a=b'],
  [JWS, '[token]'],
  [`a\n${JWS}\tb`, 'a\n[token]\tb'],
  [`\u001e${JWS}`, '\u001e[token]'],
  [`Bearer ${JWS}`, 'Bearer [redacted]'],
  ['authorization: bearer 0123456789abcdef', 'authorization: bearer [redacted]'],
  ['ktr_ and eyJ and bearer tokens stay', 'ktr_ and eyJ and bearer tokens stay'],
])('%j is logged as %j, as a field, in an error and as the message', (text, logged) => {
  const { log, last } = capture();
  log.info({ text, deep: { text } }, text);
  expect(last()).toMatchObject({ text: logged, deep: { text: logged }, msg: logged });
  log.error({ err: new Error(text) }, 'failed');
  expect(last().err).toMatchObject({ message: logged });
  log.info({ [text]: 1 });
  expect(Object.keys(last())).toContain(logged);
});

test('whatever a client sends, a line is one JSON object and shows no token', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      REFRESH,
      MAILED,
      JWS,
      `Bearer ${JWS}`,
      '"',
      '\\',
      '\n',
      '\u001e',
      '\b',
      '\ud800',
      '__proto__',
      '}{',
    ),
    fc.constantFrom('yJhbGci.e.e', 'earer 0123456789abcdef', 'ktr_', 'ktm_', 'eyJ', '\u2028'),
  );
  const text = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''));
  fc.assert(
    fc.property(text, text, text, (key, value, message) => {
      const { log, lines } = capture();
      log
        .child({ bound: value })
        .error({ [key]: value, deep: { [key]: [value] }, err: new Error(value) }, message);
      expect(lines).toHaveLength(1);
      const line = lines[0] ?? '';
      expect(line.indexOf('\n')).toBe(line.length - 1);
      expect(JSON.parse(line)).toBeTypeOf('object');
      expect(line).not.toContain(REFRESH);
      expect(line).not.toContain(MAILED);
      expect(line).not.toContain(JWS);
    }),
    { numRuns: 2000 },
  );
});

test('what is no token passes through redaction unchanged', () => {
  fc.assert(
    fc.property(fc.json(), (json) => {
      fc.pre(!/kt[rm]_|eyJ|earer /.test(json));
      const hinted = json.replace(/}$/, ',"hint":"eyJ"}');
      expect(redactLine(hinted)).toBe(hinted);
    }),
  );
});

test.each([
  [`a \\${REFRESH}`, 'a \\[refresh token]'],
  [`\\u0041${MAILED}\\`, '\\u0041[mailed token]\\'],
  ['ktr_ \\ "\ud800\0" stays', 'ktr_ \\ "\ud800\0" stays'],
])('%j is kept as %j, where it is no line', (text, kept) => {
  expect(redactValue(text)).toBe(kept);
});

test('a line that is put together elsewhere has what all lines have, and its own time', () => {
  const lines: string[] = [];
  const log = createLogger({
    level: 'info',
    format: 'json',
    destination: { write: (line) => void lines.push(line) },
    bindings: { worker: 2, name: 'a "b"' },
  });
  const clock = manualClock();
  const write = lineWriter(log, clock);
  write(`"a":"${REFRESH}"`, false);
  clock.advance(milliseconds(1));
  write('"a":2', true);
  const common = { level: 'info', worker: 2, name: 'a "b"' };
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { ...common, time: '2026-01-01T00:00:00.000Z', a: '[refresh token]' },
    { ...common, time: '2026-01-01T00:00:00.001Z', a: 2 },
  ]);
});

test('pretty lines say the message and redact too', () => {
  const lines: string[] = [];
  const log = createLogger({
    level: 'info',
    format: 'pretty',
    destination: { write: (line) => void lines.push(line) },
  });
  log.info({ port: 3000, token: REFRESH }, 'listening');
  expect(lines.join('')).toMatch(/INFO.*listening.*"port":3000/);
  expect(lines.join('')).not.toContain(REFRESH);
  expect(lines.join('')).not.toContain('\u001b[');
});

/** Runs `use` with a file to write to and its content afterwards. */
async function withFile(use: (fd: number, read: () => string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'keyturn-log-'));
  const path = join(dir, 'log');
  const fd = openSync(path, 'a');
  try {
    await use(fd, () => readFileSync(path, 'utf8'));
  } finally {
    closeSync(fd);
    rmSync(dir, { recursive: true });
  }
}

test('lines are gathered, and all are there in order after closing', () =>
  withFile(async (fd, read) => {
    const output = descriptorOutput(fd);
    const lines = Array.from({ length: 5000 }, (_, n) => `{"n":${n}}\n`);
    output.write(lines[0] ?? '');
    expect(read()).toBe('');
    for (const line of lines.slice(1)) output.write(line);
    await output.close();
    expect(read()).toBe(lines.join(''));
  }));

test('lines are written as they are, whatever their characters and their length', () =>
  withFile(async (fd, read) => {
    const output = descriptorOutput(fd);
    const wide = ['a', 'ä', '€', '🔑', '\ud800'].map((one) => `${one.repeat(50_000)}\n`);
    const lines = [...wide, ...Array.from({ length: 3000 }, (_, n) => `"€ ${n}"\n`), ...wide];
    for (const line of lines) output.write(line);
    await output.close();
    expect(read()).toBe(lines.join('').toWellFormed());
  }));

test('what cannot be written yet costs lines, and memory only up to a bound', () =>
  withFile(async (fd, read) => {
    const output = descriptorOutput(fd);
    const line = `${'x'.repeat(1023)}\n`;
    const before = process.memoryUsage().arrayBuffers;
    // Nothing is written before this turn is over, but for what was gathered first.
    for (let i = 0; i < 40_000; i += 1) output.write(line);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * 1024 * 1024);
    await output.close();
    const text = read();
    expect(text.length).toBeGreaterThan(8_000_000);
    expect(text.length).toBeLessThan(9_000_000);
    expect(text).toBe(line.repeat(text.length / line.length));
    output.write(line);
    await output.close();
    expect(read()).toBe(text + line);
  }));

test('flushSync has written before it returns', () =>
  withFile(async (fd, read) => {
    const output = descriptorOutput(fd);
    output.write('{"n":1}\n');
    output.flushSync();
    expect(read()).toBe('{"n":1}\n');
    await output.close();
  }));

test('a log that cannot be written neither throws nor hangs', () =>
  withFile(async () => {
    const readOnly = openSync('/dev/null', 'r');
    const output = descriptorOutput(readOnly);
    output.write('{"n":1}\n');
    output.flushSync();
    output.write('{"n":2}\n');
    await output.close();
    closeSync(readOnly);
  }));

test('closing a child closes what it shares', async () => {
  const { log, lines } = capture();
  const child = log.child({ room: 'keys' });
  child.info('one');
  await closeLogger(child);
  expect(lines).toHaveLength(1);
});
