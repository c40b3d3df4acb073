import { createRequire } from 'node:module';
import { pino, stdTimeFunctions, symbols } from 'pino';
import type * as Pretty from 'pino-pretty';
import type { Clock } from './clock.ts';
import { describeError } from './log-error.ts';
import { descriptorOutput, type LogOutput } from './log-output.ts';
import { redactLine } from './log-redact.ts';

/** From the most to the least talkative. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** One JSON object a line, or lines for people. */
export type LogFormat = 'json' | 'pretty';

/** Writes a line: fields and a message, or a message alone. Errors go under `err`. */
export interface LogMethod {
  (fields: object, message?: string): void;
  (message: string): void;
}

/** The slice of pino's logger that Keyturn uses. */
export interface Logger {
  readonly trace: LogMethod;
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
  readonly fatal: LogMethod;
  readonly level: string;
  isLevelEnabled(level: LogLevel): boolean;
  /** A logger that adds `bindings` to every line. */
  child(bindings: Record<string, unknown>): Logger;
}

/** How to log. */
export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Takes the finished lines; standard output by default. */
  readonly destination?: { write(line: string): void };
  /** Colours in pretty lines; by default when standard output is a terminal. */
  readonly colors?: boolean;
  /** What every line says besides. */
  readonly bindings?: Readonly<Record<string, string | number>>;
}

const STDOUT = 1;
/** pino's number for `error`: from here on a line does not wait for company. */
const ERROR = 50;

/** A logger by pino: level as a label, time in ISO 8601, tokens replaced by placeholders. */
export function createLogger(options: LoggerOptions): Logger {
  return pino(
    {
      level: options.level,
      base: options.bindings ?? null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError, error: describeError, cause: describeError },
    },
    createSink(options),
  );
}

/** Hands over what the logger, or the one it is a child of, has gathered; it logs no more after. */
export async function closeLogger(logger: Logger): Promise<void> {
  const sink = (logger as Logger & { [symbols.streamSym]?: Sink })[symbols.streamSym];
  await sink?.close();
}

/** pino's number for `info`. */
const INFO = 30;

/**
 * Writes an info line whose members are finished JSON, `"name":value,…`, after level and time.
 * @param isClean whether nothing in it could hold a token: it is not searched for one then
 */
export type WriteLine = (members: string, isClean: boolean) => void;

/**
 * Makes what writes the one line a request, which pino's own formatting would make half as dear
 * again as the answer. Redaction and pretty printing are the logger's.
 */
export function lineWriter(logger: Logger, clock: Pick<Clock, 'now'>): WriteLine {
  const sink = (logger as Logger & { [symbols.streamSym]?: Sink })[symbols.streamSym];
  let millisecond = 0;
  let head = '';
  return (members, isClean) => {
    const now = clock.now();
    if (now.getTime() !== millisecond) {
      millisecond = now.getTime();
      head = `{"level":"info","time":"${now.toISOString()}",${sink?.members ?? ''}`;
    }
    if (!sink) return;
    sink.lastLevel = INFO;
    const line = `${head}${members}}\n`;
    if (isClean) sink.writeClean(line);
    else sink.write(line);
  };
}

/** Puts finished lines of another process among the logger's own. */
export function lineRelay(logger: Logger): (lines: string) => void {
  const sink = (logger as Logger & { [symbols.streamSym]?: Sink })[symbols.streamSym];
  return (lines) => sink?.relay(lines);
}

/** What pino writes finished lines to. */
interface Sink {
  /** Asks pino for `lastLevel`. */
  readonly [key: symbol]: true;
  /** The level of the line that is about to be written. */
  lastLevel: number;
  /** What every line says besides, as finished JSON members with a comma behind each. */
  readonly members: string;
  write(line: string): void;
  /** Writes a line that holds nothing to redact. */
  writeClean(line: string): void;
  relay(lines: string): void;
  /** Called by pino after `fatal`. */
  flushSync(): void;
  close(): Promise<void>;
}

function createSink(options: LoggerOptions): Sink {
  const output = options.destination ? unbuffered(options.destination) : descriptorOutput(STDOUT);
  const pretty = options.format === 'pretty' ? prettyLines(options) : undefined;
  return {
    [Symbol.for('pino.metadata')]: true,
    lastLevel: 0,
    members: Object.entries(options.bindings ?? {})
      .map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)},`)
      .join(''),
    relay: (lines) => output.write(lines),
    writeClean: (line) => output.write(pretty ? pretty(line) : line),
    write(line) {
      this.writeClean(redactLine(line));
      if (this.lastLevel >= ERROR) output.flush();
    },
    flushSync: () => output.flushSync(),
    close: () => output.close(),
  };
}

const require = createRequire(import.meta.url);

function prettyLines(options: LoggerOptions): (line: string) => string {
  // Only where people read: it is thirty files.
  const pretty = require('pino-pretty') as typeof Pretty;
  return pretty.prettyFactory({
    colorize: options.colors ?? (!options.destination && process.stdout.isTTY === true),
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
  });
}

const unbuffered = (destination: { write(line: string): void }): LogOutput => ({
  write: (line) => destination.write(line),
  flush() {},
  flushSync() {},
  async close() {},
});
