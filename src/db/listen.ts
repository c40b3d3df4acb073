import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type Duration, seconds } from '../kit/duration.ts';
import { AppError } from '../kit/errors.ts';
import type { Secret } from '../kit/secret.ts';
import type { DatabaseLog } from './database.ts';
import { translated } from './errors.ts';
import { splitHosts } from './hosts.ts';
import { connectLimit, KEEP_ALIVE } from './pool.ts';

/** Listens until it is stopped. */
export interface Listening {
  stop(): Promise<void>;
}

/** What listening takes. */
export interface ListenOptions {
  readonly url: Secret<string>;
  readonly log: DatabaseLog;
  /** How often the connection is tried, so that one gone silent or read-only is noticed. */
  readonly heartbeat?: Duration;
}

/** How it shows in `pg_stat_activity`. */
export const LISTENER_NAME = 'keyturn-listen';

const HEARTBEAT = seconds(30);
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5000;

/**
 * Calls `heard` for every notification on the channel, over a connection of its own to the first
 * host that accepts writes. Reconnects for ever, and after each time that it has connected calls
 * `heard` as well, since something may have been missed. An engine that refuses to listen is left
 * alone: whoever needs to know polls besides.
 */
export function startListening(
  options: ListenOptions,
  channel: string,
  heard: () => void,
): Listening {
  const stopping = new AbortController();
  const running = keepListening(options, channel, heard, stopping.signal);
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

async function keepListening(
  options: ListenOptions,
  channel: string,
  heard: () => void,
  stop: AbortSignal,
): Promise<void> {
  const { log, heartbeat = HEARTBEAT } = options;
  const hosts = splitHosts(options.url);
  const limit = connectLimit(hosts.length);
  /** How many tries in a row found no host to listen to. */
  let missed = 0;
  let pauses = 0;
  for (let turn = 0; !stop.aborted; turn = (turn + 1) % hosts.length) {
    const { url, label } = hosts[turn] ?? hosts[0];
    let client: pg.Client | undefined;
    let listening = false;
    try {
      // A file of certificates that the URL names is read here, and may be away for a moment.
      const made = makeClient(url, limit);
      ({ client } = made);
      const over = AbortSignal.any([stop, made.ended]);
      over.addEventListener('abort', () => made.client.connection.stream.destroy());
      client.on('notification', (notification) => {
        if (notification.channel === channel) heard();
      });
      await client.connect();
      await requireWritable(client);
      if (!(await subscribe(client, channel, log))) return;
      if (missed >= hosts.length) log.info({ host: label }, 'database notifications are back');
      missed = 0;
      listening = true;
      heard();
      for (;;) {
        await sleep(heartbeat, undefined, { signal: over });
        await requireWritable(client);
        pauses = 0;
      }
    } catch (error) {
      if (stop.aborted) return;
      const reason = error instanceof Error ? error.message : String(error);
      log.debug({ host: label, reason }, 'the database is not listened to');
      // A connection that is cut is usually replaced at once: an outage is when no host has one.
      if (!listening && ++missed === hosts.length) {
        log.info({ reason }, 'database notifications are away; polling goes on');
      }
    } finally {
      client?.connection.stream.destroy();
    }
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** pauses++);
    await sleep(pause, undefined, { signal: stop }).catch(() => {});
  }
}

/** A client that never ends the process, and a signal that aborts when its connection is lost. */
function makeClient(url: Secret<string>, limit: Duration) {
  const ended = new AbortController();
  const client = new pg.Client({
    connectionString: url.reveal(),
    application_name: LISTENER_NAME,
    connectionTimeoutMillis: limit,
    query_timeout: limit,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE,
  });
  client.on('error', () => ended.abort());
  client.on('end', () => ended.abort());
  return { client, ended: ended.signal };
}

async function requireWritable(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ read_only: string }>(
    "select current_setting('transaction_read_only') as read_only",
  );
  if (rows[0]?.read_only === 'on') throw new Error('the server accepts no writes');
}

/** @returns whether this engine can be listened to */
async function subscribe(client: pg.Client, channel: string, log: DatabaseLog): Promise<boolean> {
  try {
    await client.query(`listen ${client.escapeIdentifier(channel)}`);
    return true;
  } catch (error) {
    const known = translated(error);
    // What will pass by itself, or says nothing about the engine, is tried again.
    if (known instanceof AppError || !(known instanceof Error && 'code' in known)) throw error;
    log.info({ reason: known.message }, 'this database does not notify; polling does without');
    return false;
  }
}
