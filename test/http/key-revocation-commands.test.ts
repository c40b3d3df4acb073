import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { RevocationReport } from '../../src/issuer/keys/commands.ts';
import { VERIFIER_KINDS } from '../../src/issuer/keys/verifiers.ts';
import { DRIVERS } from '../support/databases.ts';
import { type CommandSite, keyCommands } from '../support/verifiers/command-site.ts';
import { commandIn, say } from '../support/verifiers/in-process.ts';
import { ageKeys } from '../support/verifiers/key-store.ts';

const KID = expect.stringMatching(/^[\w-]{43}$/);

describe.each(DRIVERS)('keys revoke, keys rewrap and restored on $name', (driver) => {
  const { at, answer, refusal, list, kids } = keyCommands(driver);

  test('revoke of a kid that nobody knows changes nothing', async () => {
    const before = await list();
    // A thumbprint may begin with hyphens.
    const hyphened = [`-${'a'.repeat(42)}`, `--${'a'.repeat(41)}`];
    for (const words of ['nobody', ...hyphened, `${hyphened[0]} --now`]) {
      expect(await refusal(`keys revoke ${words}`)).toEqual({
        status: 1,
        error: { code: 'unknown_kid', detail: expect.stringContaining('`keyturn keys list`') },
      });
    }
    expect(await list()).toEqual(before);
  });

  test('revoke of the active key: the next signs, and a fresh one soon', async () => {
    const before = await list();
    const report = (await answer(`keys revoke ${before.active}`)) as RevocationReport;
    expect(report).toMatchObject({ changed: true, active: before.next, next: KID, retiring: [] });
    const key = (kid: unknown) => report.keys.find((one) => one.kid === kid);
    const revokedAt = Date.parse(String(key(before.active)?.revoked_at));
    expect(key(before.active)).toMatchObject({
      state: 'revoked',
      gone_at: key(before.active)?.revoked_at,
    });
    // KEY_LEASE + JWKS_MAX_AGE later.
    const handover = new Date(revokedAt + 360_000).toISOString();
    expect(key(before.next)).toMatchObject({ state: 'active', retired_at: handover });
    expect(key(report.next)).toMatchObject({ state: 'next', activated_at: handover });

    const trust = report.still_trusted_by;
    expect(trust.map(({ verifier }) => verifier)).toEqual(VERIFIER_KINDS.map(({ name }) => name));
    expect(
      trust.every(({ until }) => until === null || Date.parse(String(until)) >= revokedAt),
    ).toBe(true);
    expect(trust.filter(({ until }) => until === null).length).toBeGreaterThan(0);
    // Again, hours later: the same answer, and nothing changes.
    const again = (await answer(`keys revoke ${before.active}`)) as RevocationReport;
    expect(again).toEqual({ ...report, changed: false });

    expect(await refusal('keys rotate --force')).toEqual({
      status: 75,
      error: {
        code: 'change_in_progress',
        detail: expect.stringContaining('until the fresh key signs'),
        retry_at: handover,
      },
    });
  });

  test('revoke shows people who still trusts the key', async () => {
    const { active } = await list();
    const { status, stdout } = await say(`keys revoke ${active}`, at().site);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^Done\.\n\nSTATE/);
    const [, trust = ''] = stdout.split('Who may still trust what was revoked, at the worst:\n\n');
    expect(trust).toMatch(/^VERIFIER +UNTIL\n/);
    expect(trust).toMatch(/^PyJWT before 2\.5 +for ever: restart it$/m);
    expect(trust).toMatch(/^\.NET +\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$/m);
  });

  test('revoke --now signs with a fresh key at once', async () => {
    const before = await list();
    const report = await answer(`keys revoke ${before.active} --now`);
    expect(report).toMatchObject({ changed: true, next: before.next, retiring: [] });
    expect(before.keys.map(({ kid }) => kid)).not.toContain(report.active);
    expect(kids(report, 'revoked')).toEqual([before.active]);
  });

  test('revoke --all leaves a fresh pair', async () => {
    await ageKeys(at().storage);
    await answer('keys rotate');
    const before = await list();
    const report = await answer('keys revoke --all');
    expect(report).toMatchObject({ changed: true, active: KID, next: KID, retiring: [] });
    expect(kids(report, 'revoked').sort()).toEqual(before.keys.map(({ kid }) => kid).sort());
    expect(report.keys).toHaveLength(before.keys.length + 2);
  });

  test('rewrap finds nothing to do under one key-encryption key', async () => {
    const { status, stdout } = await say('keys rewrap --json', at().site);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ rewrapped: 0, sealed_under: expect.any(String) });
    expect((await say('keys rewrap', at().site)).stdout).toMatch(
      /^0 sealed anew; everything is under/,
    );
  });

  test('restored makes a fresh pair, also where nothing was noticed', async () => {
    const before = await list();
    const report = await answer('restored');
    expect(kids(report, 'revoked').sort()).toEqual(before.keys.map(({ kid }) => kid).sort());
    expect(report).toMatchObject({ changed: true, active: KID, next: KID });
    expect((await say('restored', at().site)).stdout).toMatch(
      /^Every key was revoked, a fresh pair made, every session ended\.\n\nSTATE/,
    );
  });

  test('migrate says that there is nothing to migrate', async () => {
    expect(await answer('migrate')).toEqual({ applied: [] });
    expect((await say('migrate', at().site)).stdout).toBe('The database is up to date.\n');
  });

  test('a machine with another key-encryption key neither seals nor loses anything', async () => {
    await ageKeys(at().storage);
    const before = await list();
    const stranger = {
      ...at().site,
      env: { ...at().site.env, KEY_ENCRYPTION_KEY: 'A'.repeat(43) },
    };
    for (const words of ['keys rotate', 'keys revoke --all', 'keys rewrap', 'restored']) {
      const { status, stdout } = await say(`${words} --json`, stranger);
      expect(status).toBe(78);
      expect(JSON.parse(stdout)).toEqual({
        error: { code: 'key_trouble', detail: expect.stringContaining('not among those given') },
      });
    }
    expect(await list()).toEqual(before);
  });

  test('a new key-encryption key seals nothing before the rewrap', async () => {
    await ageKeys(at().storage);
    const both = await withNewKey(at());
    await commandIn(both, 'keys rotate');
    // Whoever has only the old one can still do all of it.
    expect(await answer('keys revoke --all')).toMatchObject({ changed: true });
    const { stdout } = await say('keys rewrap --json', both);
    // Five private keys are there still, and the secrets of the refresh tokens and of the outbox.
    expect(JSON.parse(stdout)).toMatchObject({ rewrapped: 7 });
    expect(await refusal('keys rotate --force')).toMatchObject({ status: 78 });
    expect(await commandIn(both, 'keys rotate --force')).toMatchObject({ changed: true });
  });
});

async function withNewKey({ site }: CommandSite) {
  const { env } = site;
  const old = (await readFile(`${env.KEYS_DIR}/0001.key`, 'utf8')).trim();
  return { ...site, env: { ...env, KEY_ENCRYPTION_KEY: `${old},${'A'.repeat(43)}` } };
}
