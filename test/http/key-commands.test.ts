import { describe, expect, test } from 'vitest';
import { DRIVERS } from '../support/databases.ts';
import { keyCommands } from '../support/verifiers/command-site.ts';
import { say } from '../support/verifiers/in-process.ts';
import { ageKeys } from '../support/verifiers/key-store.ts';

/** VERIFIER_CACHE_TTL + JWKS_MAX_AGE + CLOCK_SKEW + KEY_LEASE, in milliseconds. */
const PROPAGATION = (10 + 5 + 1 + 1) * 60_000;

const WHEN = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const KID = expect.stringMatching(/^[\w-]{43}$/);

describe.each(DRIVERS)('keys list and keys rotate on $name', (driver) => {
  const { at, answer, refusal, list } = keyCommands(driver);

  test('list shows every key, to machines and to people', async () => {
    const { status, stdout, stderr } = await say('keys list --json', at().site);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const report = JSON.parse(stdout);
    const key = {
      bits: 2048,
      published_at: WHEN,
      retired_at: null,
      gone_at: null,
      revoked_at: null,
    };
    expect(report).toEqual({
      changed: false,
      active: KID,
      next: KID,
      retiring: [],
      next_rotation_at: WHEN,
      keys: [
        { ...key, kid: report.active, state: 'active', activated_at: WHEN },
        { ...key, kid: report.next, state: 'next', activated_at: null },
      ],
    });
    const human = await say('keys list', at().site);
    expect(human).toMatchObject({ status: 0, stderr: '' });
    const [heads, ...lines] = human.stdout.trimEnd().split('\n');
    expect(heads).toMatch(/^STATE +KID +BITS +PUBLISHED +SIGNS FROM +SIGNS UNTIL +GONE$/);
    expect(lines[0]).toMatch(new RegExp(`^active +${report.active} +2048 +\\d{4}-.+Z +- +-$`));
    expect(lines[1]).toMatch(new RegExp(`^next +${report.next} +2048 +\\S+ \\S+Z +- +- +-$`));
    expect(lines.at(-1)).toMatch(/^Next rotation: \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$/);
  });

  test('rotate is refused until it is safe, and says when that is', async () => {
    const before = await list();
    const { status, error } = await refusal('keys rotate');
    expect(status).toBe(75);
    const published = Date.parse(
      String(before.keys.find(({ kid }) => kid === before.next)?.published_at),
    );
    expect(error).toEqual({
      code: 'next_too_young',
      detail: expect.stringContaining('less than 17m, and some verifier may not have fetched it'),
      retry_at: new Date(published + PROPAGATION).toISOString(),
    });
    expect(await refusal('keys rotate --dry-run')).toEqual({ status, error });
    const human = await say('keys rotate', at().site);
    expect(human).toEqual({
      status: 75,
      stdout: '',
      stderr: `keyturn keys rotate: ${error.detail}\n`,
    });
    expect(await list()).toEqual(before);
  });

  test('rotate makes the next key the active one', async () => {
    await ageKeys(at().storage);
    const before = await list();
    expect(await answer('keys rotate --dry-run')).toEqual({ ...before, would_change: true });
    expect((await say('keys rotate --dry-run', at().site)).stdout).toMatch(
      /^Would rotate now\. Nothing was changed\.\n\nSTATE/,
    );
    expect(await list()).toEqual(before);
    const after = await answer('keys rotate');
    expect(after).toMatchObject({
      changed: true,
      active: before.next,
      next: KID,
      retiring: [before.active],
    });
    const old = after.keys.find(({ kid }) => kid === before.active);
    // 5 hours of tokens, twice the skew, and the lease.
    expect(Date.parse(`${old?.gone_at}`) - Date.parse(`${old?.retired_at}`)).toBe(18_180_000);
    expect(await list()).toEqual({ ...after, changed: false });
  });

  test('rotate --if-due waits for the interval, and is done then', async () => {
    await ageKeys(at().storage);
    const before = await list();
    const early = await say('keys rotate --if-due', at().site);
    expect(early).toMatchObject({ status: 0, stderr: '' });
    expect(early.stdout).toMatch(/^Nothing to do\.\n\nSTATE/);
    expect(await answer('keys rotate --if-due --dry-run')).toEqual({
      ...before,
      would_change: false,
    });
    expect(await answer('keys rotate --if-due')).toEqual(before);
    await ageKeys(at().storage);
    expect(await answer('keys rotate --if-due')).toMatchObject({
      changed: true,
      active: before.next,
    });
    expect(await answer('keys rotate --if-due')).toMatchObject({ changed: false });
  });

  test('rotate --force goes ahead of the verifiers, never to a sixth key', async () => {
    let last = await list();
    for (let published = 3; published <= 5; published++) {
      const next = await answer('keys rotate --force');
      expect(next).toMatchObject({ changed: true, active: last.next });
      expect(next.retiring).toHaveLength(published - 2);
      last = next;
    }
    const firstGone = last.keys
      .map(({ gone_at }) => gone_at)
      .filter(Boolean)
      .sort()[0];
    for (const words of ['keys rotate --force', 'keys rotate --force --dry-run']) {
      expect(await refusal(words)).toEqual({
        status: 75,
        error: {
          code: 'too_many_published',
          detail: expect.stringContaining('Five keys are published'),
          retry_at: firstGone,
        },
      });
    }
    expect(await list()).toEqual({ ...last, changed: false });
  });
});
