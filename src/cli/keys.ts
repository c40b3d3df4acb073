import { USAGE_ERROR } from '../control/failure.ts';
import type { RevocationReport, RewrapReport } from '../issuer/keys/commands.ts';
import type { KeyReport } from '../issuer/keys/report.ts';
import { doOperation } from './do-operation.ts';
import { type Command, readOptions } from './invocation.ts';
import { complain } from './refuse.ts';
import { instant, table } from './table.ts';

const json = { type: 'boolean', default: false } as const;
const flag = { type: 'boolean', default: false } as const;

/** `keyturn keys list` */
export const listKeysCommand: Command = {
  usage: '[--json]',
  summary: 'Shows every signing key and when each thing happens to it.',
  page: 'docs/key-rotation.md',
  async run(invocation) {
    const options = readOptions(invocation, 'keys list', { json });
    if (!options) return USAGE_ERROR;
    return doOperation(invocation, 'keys list', {}, { ...options, human: describeKeys });
  },
};

/** `keyturn keys rotate` */
export const rotateKeysCommand: Command = {
  usage: '[--if-due] [--dry-run] [--force] [--json]',
  summary: 'Makes the next key the active one, when that is safe.',
  words: {
    '--if-due': 'does nothing, and exits 0, before KEY_ROTATION_INTERVAL is over; for cron',
    '--dry-run': 'says what it would do, and changes nothing',
    '--force': 'also while some verifier may not know the next key yet, and will refuse its tokens',
  },
  page: 'docs/key-rotation.md',
  async run(invocation) {
    const options = readOptions(invocation, 'keys rotate', {
      json,
      'if-due': flag,
      'dry-run': flag,
      force: flag,
    });
    if (!options) return USAGE_ERROR;
    const input = {
      ifDue: options['if-due'],
      dryRun: options['dry-run'],
      force: options.force,
    };
    return doOperation(invocation, 'keys rotate', input, {
      ...options,
      human: (report: KeyReport & { would_change?: boolean }) =>
        describeChange(report) + describeKeys(report),
    });
  },
};

/** `keyturn keys revoke` */
export const revokeKeysCommand: Command = {
  usage: 'KID|--all [--now] [--json]',
  summary: 'Forbids a compromised key, or every key.',
  words: {
    KID: 'the key, as keys list names it',
    '--all': 'every published key, for a leaked database or key-encryption key',
    '--now':
      'signs with a key that nobody has seen yet at once, at the cost of some refused tokens',
  },
  page: 'docs/key-rotation.md',
  async run(invocation) {
    const argv = withKidsLast(invocation.argv);
    const flags = { json, all: flag, now: flag };
    const options = readOptions({ ...invocation, argv }, 'keys revoke', flags, true);
    if (!options) return USAGE_ERROR;
    const [kid, ...more] = options.positionals;
    if (more.length > 0 || (kid === undefined) !== options.all) {
      return complain(
        invocation,
        'keys revoke',
        'It takes one KID or --all, and --now if you like.',
      );
    }
    const input = { ...(kid !== undefined && { kid }), immediately: options.now };
    return doOperation(invocation, 'keys revoke', input, {
      ...options,
      human: (report: RevocationReport) =>
        describeChange(report) + describeKeys(report) + describeTrust(report),
    });
  },
};

/** `keyturn keys rewrap` */
export const rewrapKeysCommand: Command = {
  usage: '[--json]',
  summary: 'Seals all keys anew under the newest key-encryption key.',
  page: 'docs/key-rotation.md',
  async run(invocation) {
    const options = readOptions(invocation, 'keys rewrap', { json });
    if (!options) return USAGE_ERROR;
    return doOperation(
      invocation,
      'keys rewrap',
      {},
      {
        ...options,
        human: ({ rewrapped, sealed_under, found_in }: RewrapReport) =>
          `${rewrapped} sealed anew; everything is under the key-encryption key ${sealed_under} ` +
          `from ${found_in}.\n`,
      },
    );
  },
};

/** `keyturn restored` */
export const restoredCommand: Command = {
  usage: '[--json]',
  summary: 'Takes up a database that came from a backup: new keys, no sessions.',
  page: 'docs/operations.md',
  async run(invocation) {
    const options = readOptions(invocation, 'restored', { json });
    if (!options) return USAGE_ERROR;
    return doOperation(
      invocation,
      'restored',
      {},
      {
        ...options,
        human: (report: KeyReport) =>
          `Every key was revoked, a fresh pair made, every session ended.\n\n${describeKeys(report)}`,
      },
    );
  },
};

/** A kid may begin with a hyphen: one in 64 does, and must not be taken for an option. */
function withKidsLast(argv: readonly string[]): readonly string[] {
  const isKid = (word: string) => /^-[\w-]{42}$/.test(word);
  if (argv.includes('--') || !argv.some(isKid)) return argv;
  return [...argv.filter((word) => !isKid(word)), '--', ...argv.filter(isKid)];
}

function describeChange({ changed, would_change }: KeyReport & { would_change?: boolean }): string {
  if (would_change !== undefined) {
    return would_change ? 'Would rotate now. Nothing was changed.\n\n' : 'Nothing to do now.\n\n';
  }
  return changed ? 'Done.\n\n' : 'Nothing to do.\n\n';
}

function describeKeys({ keys, next_rotation_at }: KeyReport): string {
  const rows = keys.map((key) => [
    key.state,
    key.kid,
    String(key.bits),
    instant(key.published_at),
    instant(key.activated_at),
    instant(key.retired_at),
    instant(key.gone_at),
  ]);
  const heads = ['STATE', 'KID', 'BITS', 'PUBLISHED', 'SIGNS FROM', 'SIGNS UNTIL', 'GONE'];
  return `${table([heads, ...rows])}\nNext rotation: ${instant(next_rotation_at)}\n`;
}

function describeTrust({ still_trusted_by }: RevocationReport): string {
  const rows = still_trusted_by.map(({ verifier, until }) => [
    verifier,
    until === null ? 'for ever: restart it' : instant(until),
  ]);
  return `\nWho may still trust what was revoked, at the worst:\n\n${table([['VERIFIER', 'UNTIL'], ...rows])}`;
}
