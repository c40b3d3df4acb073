import type { SigningKey } from '../../src/issuer/keys/life-cycle.ts';
import type { Decision, Redating } from '../../src/issuer/keys/machine.ts';
import type { Duration } from '../../src/kit/duration.ts';
import type { Kid } from '../../src/kit/id.ts';

/** The rows of `signing_keys` as far as their dates go. */
export type KeyTable = readonly SigningKey[];

/** A decision that changes something. */
export type Change = Extract<Decision, { kind: 'change' }>;

/** What a row that is published gets beside what the decision says. */
export interface NewRow {
  readonly kid: Kid;
  readonly publishedAt: Date;
  readonly maxTokenTtl: Duration;
}

/**
 * Carries out a decision as the store does, one statement at a time.
 * @param newRow called once for each key to be published
 * @throws Error naming the constraint that a statement breaks
 */
export function applyChange(table: KeyTable, decision: Change, newRow: () => NewRow): KeyTable {
  let rows = table;
  for (const redating of decision.redate) rows = checked(redated(rows, redating));
  for (const { activatedAt } of decision.publish) {
    rows = checked([...rows, { ...newRow(), activatedAt, retiredAt: null, revokedAt: null }]);
  }
  return rows;
}

function redated(rows: KeyTable, { kid, ...dates }: Redating): KeyTable {
  if (!rows.some((row) => row.kid === kid)) throw new Error(`no row ${kid}`);
  return rows.map((row) => (row.kid === kid ? { ...row, ...dates } : row));
}

/** The rows, when the constraints of the migration hold. */
function checked(rows: KeyTable): KeyTable {
  const open = rows.filter((row) => row.activatedAt && !row.retiredAt && !row.revokedAt);
  const waiting = rows.filter((row) => !row.activatedAt && !row.revokedAt);
  if (open.length > 1) throw new Error('signing_keys_one_active is broken');
  if (waiting.length > 1) throw new Error('signing_keys_one_next is broken');
  for (const { publishedAt, activatedAt, retiredAt } of rows) {
    if (activatedAt && activatedAt < publishedAt) throw new Error('activated before published');
    if (retiredAt && !activatedAt) throw new Error('retired, but never activated');
    if (retiredAt && activatedAt && retiredAt < activatedAt) {
      throw new Error('retired before activated');
    }
  }
  return rows;
}
