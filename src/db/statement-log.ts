import type { KyselyConfig } from 'kysely';
import type { Trace } from '../kit/trace.ts';

/** A statement's first word, and the first table that it names; a function is none. */
const VERB = /^\s*([a-z]+)/i;
const TABLE =
  /\b(?:into\s+|(?:update|from|join)\s+(?:only\s+)?(?!"?\w+"?\s*\())"?([a-z_][a-z0-9_]*)/i;

/** What Kysely takes to tell a trace of each statement: its kind and table, never a value. */
export function statementLog(trace: Trace | undefined): Pick<KyselyConfig, 'log'> {
  if (!trace) return {};
  return {
    log({ level, query, queryDurationMillis }) {
      const summary = summaryOf(query.sql);
      const attributes = { 'db.system.name': 'postgresql', 'db.query.summary': summary };
      trace.past(summary, attributes, queryDurationMillis, level === 'error');
    },
  };
}

/** Few distinct values: `SELECT users`, `COMMIT`. */
export function summaryOf(sql: string): string {
  const verb = (VERB.exec(sql)?.[1] ?? 'SQL').toUpperCase();
  const table = TABLE.exec(sql)?.[1];
  return table ? `${verb} ${table}` : verb;
}
