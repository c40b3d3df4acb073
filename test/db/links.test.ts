import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { issuerMigrations } from '../../migrations/issuer/index.ts';
import type { Tx } from '../../src/db/database.ts';
import { migrate } from '../../src/db/migrate.ts';
import { execute } from '../../src/db/statement.ts';
import { mailLink, mailNotice, voidLinks } from '../../src/issuer/accounts/links.ts';
import type { LinkMailKind } from '../../src/issuer/mail/mail.ts';
import type { User } from '../../src/issuer/users/store.ts';
import { manualClock } from '../../src/kit/clock.ts';
import { after, seconds } from '../../src/kit/duration.ts';
import type { UserId } from '../../src/kit/id.ts';
import { DRIVERS, type OpenDatabase } from '../support/databases.ts';

const NOW = manualClock().now();
const LATER = after(NOW, seconds(60));
const [ANN, BOB] = ['ann', 'bob'].map((name, i) => ({
  id: `00000000-0000-7000-8000-00000000000${i}` as UserId,
  email: `${name}@example.com`,
  emailVerified: true,
  name,
  createdAt: NOW,
  disabledAt: null,
})) as [User, User];
/** Mails are looked at as they wait. */
const DEPS = {
  issuer: 'https://id.example.com',
  outbox: { sealer: { seal: async (text: string) => text, open: async () => '' }, hurry() {} },
};
const MINUTES = 60;
const DAY = 24 * 3600;

describe.each(DRIVERS)('links that wait to be mailed, on $name', (driver) => {
  let database: OpenDatabase;
  beforeAll(async () => {
    database = await driver.open();
    await migrate(database, 'issuer', issuerMigrations);
    for (const { id, email, name } of [ANN, BOB]) {
      const text = `INSERT INTO users (id, email, email_verified, name, created_at)
        VALUES ($1, $2, true, $3, $4)`;
      await execute(database.db, text, [id, email, name, NOW]);
    }
  });
  beforeEach(async () => {
    for (const table of ['mailed_tokens', 'outbox_mails'])
      await execute(database.db, `DELETE FROM ${table}`);
  });
  afterAll(() => database.close());

  const within = (work: (tx: Tx) => Promise<void>) => database.transaction(work);
  const link = (user: User, kind: LinkMailKind, now = NOW, email?: string | null) =>
    within((tx) => mailLink(tx, DEPS, user, kind, now, email));
  const notice = (user: User) => within((tx) => mailNotice(tx, DEPS, user, 'password_reset', NOW));
  /** The kinds of a user's mails, and the purposes of the tokens. */
  const left = async ({ id }: User) => {
    const text = `SELECT
      ARRAY(SELECT kind FROM outbox_mails WHERE user_id = $1 ORDER BY kind) AS mails,
      ARRAY(SELECT purpose FROM mailed_tokens WHERE user_id = $1 ORDER BY purpose) AS tokens`;
    return (await execute(database.db, text, [id])).rows[0];
  };

  test.each<[LinkMailKind, string, string, number]>([
    ['reset_password', 'reset_password', 'reset-password', 30 * MINUTES],
    ['set_password', 'reset_password', 'reset-password', DAY],
    ['verify_email', 'verify_email', 'verify-email', DAY],
    ['confirm_email_change', 'change_email', 'verify-email', DAY],
  ])('%s is good for %s on its page for so long', async (kind, purpose, page, lives) => {
    await link(ANN, kind);
    const text = `SELECT t.purpose, t.email, t.created_at, t.expires_at, m.sealed AS said
      FROM mailed_tokens AS t JOIN outbox_mails AS m ON m.user_id = t.user_id`;
    const { rows } = await execute<{ said: string }>(database.db, text);
    const expiresAt = after(NOW, seconds(lives));
    const { email } = ANN;
    expect(rows).toMatchObject([{ purpose, email, created_at: NOW, expires_at: expiresAt }]);
    expect(JSON.parse(rows[0]?.said ?? '')).toEqual({
      name: 'ann',
      mail: {
        kind,
        link: expect.stringMatching(`^${DEPS.issuer}/${page}#token=ktm_[\\w-]{43}$`),
        expiresAt: expiresAt.toISOString(),
      },
    });
  });

  test('the newest takes the place of the one before in all, sent or not', async () => {
    const old = async () =>
      (await execute<{ hash: Buffer }>(database.db, 'SELECT hash FROM mailed_tokens')).rows[0]
        ?.hash;
    await link(ANN, 'confirm_email_change', NOW, 'one@example.com');
    const first = await old();
    await link(ANN, 'confirm_email_change', LATER, 'two@example.com');
    const text = 'SELECT hash, email, created_at, expires_at FROM mailed_tokens';
    const { rows } = await execute<{ hash: Buffer }>(database.db, text);
    const expected = { email: 'two@example.com', created_at: LATER };
    expect(rows).toMatchObject([{ ...expected, expires_at: after(LATER, seconds(DAY)) }]);
    expect(rows[0]?.hash).not.toEqual(first);
    const mails = await execute(database.db, 'SELECT recipient FROM outbox_mails');
    expect(mails.rows).toEqual([{ recipient: 'two@example.com' }]);
    // One that nobody gets voids it all the same.
    await link(ANN, 'confirm_email_change', LATER, null);
    expect(await left(ANN)).toEqual({ mails: [], tokens: ['change_email'] });
  });

  test('an invitation and a reset take the place of each other, and of nothing else', async () => {
    for (const user of [ANN, BOB]) {
      await link(user, 'set_password');
      await link(user, 'verify_email');
      await notice(user);
    }
    await link(ANN, 'reset_password');
    const tokens = ['reset_password', 'verify_email'];
    expect(await left(ANN)).toEqual({
      mails: ['password_reset', 'reset_password', 'verify_email'],
      tokens,
    });
    expect(await left(BOB)).toEqual({
      mails: ['password_reset', 'set_password', 'verify_email'],
      tokens,
    });
  });

  test('those of some purposes are voided, or all; what else is to be said is sent', async () => {
    for (const user of [ANN, BOB]) {
      for (const kind of ['set_password', 'verify_email', 'confirm_email_change'] as const)
        await link(user, kind);
      await notice(user);
    }
    const all = await left(BOB);
    await within((tx) => voidLinks(tx, ANN, ['reset_password', 'change_email']));
    expect(await left(ANN)).toEqual({
      mails: ['password_reset', 'verify_email'],
      tokens: ['verify_email'],
    });
    await within((tx) => voidLinks(tx, ANN));
    expect(await left(ANN)).toEqual({ mails: ['password_reset'], tokens: [] });
    expect(await left(BOB)).toEqual(all);
  });

  test('a name is said only to an address that is known to be its own', async () => {
    const stranger = { ...ANN, emailVerified: false };
    await link(ANN, 'verify_email');
    await link(ANN, 'confirm_email_change', NOW, 'victim@example.com');
    await link(stranger, 'reset_password');
    await notice(stranger);
    const { rows } = await execute<{ kind: string; sealed: string }>(
      database.db,
      'SELECT kind, sealed FROM outbox_mails ORDER BY kind',
    );
    expect(rows.map(({ kind, sealed }) => [kind, JSON.parse(sealed).name])).toEqual([
      ['confirm_email_change', null],
      ['password_reset', null],
      ['reset_password', null],
      ['verify_email', 'ann'],
    ]);
  });
});
