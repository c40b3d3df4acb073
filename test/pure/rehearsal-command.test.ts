import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { verifierWarnings } from '../../src/cli/declared-verifiers.ts';
import { runCommand } from '../support/command.ts';
import { config, type Env, PRODUCTION } from '../support/config.ts';
import { readXml } from '../support/xml.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'keyturn-rehearsal-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

function planFile(plan: unknown): string {
  const path = join(dir, 'plan.json');
  writeFileSync(path, typeof plan === 'string' ? plan : JSON.stringify(plan));
  return path;
}

/** Makes a pipe that gives nothing to who reads it, until the end of the test. */
function makePipe(path: string): void {
  execFileSync('mkfifo', [path]);
  const held = openSync(path, 'r+');
  onTestFinished(() => closeSync(held));
}

const rehearse = (argv: readonly string[], env?: Env) =>
  runCommand(['keys', 'rehearse', ...argv], env);
const withPlan = (plan: unknown, ...argv: string[]) =>
  rehearse(['--plan', planFile(plan), ...argv]);

const GATEWAY = { name: 'gateway', keeps: '26h', unknown_kid: 'never' };

describe('keys rehearse', () => {
  test('tells the defaults from end to end, and exits 0', async () => {
    const { status, out, err } = await rehearse([]);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toMatch(/^WHEN +SIGNS +NEXT +RETIRING +WHAT$/m);
    expect(out).toMatch(/^0s +A +B +- +A is published, A signs, B is published$/m);
    expect(out).toMatch(/^1d 7m +B +C +A +A retires, B signs, C is published$/m);
    expect(out).toMatch(/^1d 25m +B +C +- +A is gone$/m);
    expect(out).toMatch(/^Keycloak adapter +1d +fetches +never wrong$/m);
    expect(out.trimEnd().split('\n').at(-1)).toBe('Verdict: no honest token is rejected.');
  });

  test('exits 1 when a token is rejected, and says whose, when, and what mends it', async () => {
    const { status, out } = await withPlan({ verifiers: [GATEWAY] });
    expect(status).toBe(1);
    expect(out).toMatch(/^gateway +26h +refuses +REJECTS from 2d 14m to 2d 2h 14m$/m);
    expect(out).toContain('refuse good tokens for up to 2h after a key begins to sign');
    expect(out).toContain('Mended by VERIFIER_CACHE_TTL=26h.');
    expect(out).toMatch(/^ {2}C: signed from .* presented from 2d 14m/m);
    expect(out).toMatch(/by 1 of \d+ verifiers: gateway\.\n$/);
    const path = join(dir, 'plan.json');
    expect((await rehearse(['--plan', path], { VERIFIER_CACHE_TTL: '26h' })).status).toBe(0);
  });

  test('says the same to machines', async () => {
    const { status, out } = await withPlan({ verifiers: [GATEWAY], builtin: false }, '--json');
    expect(status).toBe(1);
    const answer = JSON.parse(out);
    expect(answer).toMatchObject({
      honest: false,
      length: 90 * 86_400,
      settings: { VERIFIER_CACHE_TTL: '1d', ACCESS_TOKEN_TTL: '15m' },
      verifiers: [
        {
          verifier: 'gateway',
          verdict: 'rejects',
          tokens: [{ kid: 'C', cause: 'unseen' }],
          mend: { settings: { VERIFIER_CACHE_TTL: '26h' }, without: [], verifier: [] },
        },
      ],
      revocations: [],
    });
    expect(answer.timeline[0]).toEqual({ at: 0, kind: 'state', kid: 'A', state: 'next' });
    const [{ presented_from, presented_until, example }] = answer.verifiers[0].tokens;
    expect(presented_until - presented_from).toBe(7200);
    expect(example.presented_at).toBe(presented_from);
  });

  test('rehearses an emergency and says who still trusts the key', async () => {
    const events = [{ at: '40d', do: 'revoke', key: 'active' }];
    const { out } = await withPlan({ events });
    expect(out).toMatch(/^40d +C +D E +- +B is revoked, C signs, D is published, E is published$/m);
    expect(out).toContain('B is revoked at 40d. Who may still trust it, at the worst:');
    expect(out).toMatch(/^\.NET +40d 6m$/m);
    expect(out).toMatch(/^PyJWT before 2\.5 +for ever: restart it$/m);
    const { revocations } = JSON.parse((await withPlan({ events }, '--json')).out);
    expect(revocations).toMatchObject([{ kid: 'B', at: 3_456_000, now: false }]);
    expect(revocations[0].still_trusted_by).toContainEqual({
      verifier: 'PyJWT before 2.5',
      until: null,
    });
  });

  test('reads YAML as well, comments and all', async () => {
    const { status, out } = await withPlan(
      '# what stands before our services\nverifiers:\n  - name: gateway\n    keeps: 26h\n' +
        '    unknown_kid: never # it says so in its manual\nbuiltin: false\n',
    );
    expect(status).toBe(1);
    expect(out).toContain('by 1 of 1 verifiers: gateway.');
  });

  test('takes every kind of event', async () => {
    const { out } = await withPlan({
      for: '120d',
      replicas: 2,
      events: [
        { at: '1d', do: 'rotate' },
        { at: '2d', do: 'rotate', force: true },
        { at: '3d', do: 'rotate', when_safe: true },
        { at: '4d', do: 'rotate', if_due: true },
        { at: '10d', do: 'stop', for: '60d' },
        { at: '80d', do: 'settings', set: { JWKS_MAX_AGE: '1h', ACCESS_TOKEN_TTL: '30m' } },
        { at: '90d', do: 'revoke', key: 'next' },
        { at: '100d', do: 'revoke', key: 'all' },
        { at: '110d', do: 'revoke', key: 'retiring' },
      ],
    });
    expect(out).toMatch(/^1d .*rotate is refused: next_too_young$/m);
    expect(out).toMatch(/^10d .*nothing turns keys from here$/m);
    expect(out).toMatch(/^70d .*keys are turned again/m);
    expect(out).toMatch(/^80d .*ACCESS_TOKEN_TTL=30m JWKS_MAX_AGE=1h$/m);
    expect(out).toMatch(/^110d .*revoke retiring is refused: no_such_key$/m);
  });

  test('draws a picture, whole or not at all', async () => {
    const path = join(dir, 'keys.svg');
    writeFileSync(path, 'an older one');
    expect((await rehearse(['--svg', path])).status).toBe(0);
    expect(readXml(readFileSync(path, 'utf8')).get('svg')).toBe(1);
    expect(readdirSync(dir)).toEqual(['keys.svg']);
  });

  test.each([
    ['nowhere/keys.svg', 'there is no such directory'],
    ['.', 'that is a directory'],
  ])('that cannot write its picture to %s says why', async (name, why) => {
    const { status, err } = await rehearse(['--svg', join(dir, name)]);
    expect(status).toBe(1);
    expect(err).toContain(`cannot be written: ${why}`);
    expect(readdirSync(dir)).toEqual([]);
  });
});

describe('a plan that is wrong', () => {
  const event = (more: object) => ({ events: [{ at: '3d', do: 'rotate', ...more }] });

  test.each([
    ['[1,', 'line 1'],
    ['{"for": "1d",\n "for": "2d"}', 'line 2: '],
    ['for: 1d\nreplicas: [', 'line 2: '],
    ['a: &a [1]\nb: &b [*a, *a]', 'a'],
    [
      'verifiers:\n  - name: gateway\n    keeps: long\n    unknown_kid: never',
      'line 3: verifiers[0].keeps',
    ],
    ['for: 90d\nevents:\n  - {at: 3d,\n     do: revoke}', 'line 3: events[0].key: '],
    ['', 'must be an object'],
    [{ fro: '90d' }, 'fro: is not a known field'],
    ['for: 9d\n\nfro:\n  - 1', 'line 3: fro: is not a known field'],
    [{ for: 90 }, 'for: a length of time is wanted'],
    [{ for: '90 days' }, 'for: not a length of time'],
    [{ for: '0s' }, 'for: more than nothing'],
    [{ replicas: 0 }, 'replicas: '],
    [{ builtin: false }, 'verifiers: without the built-in ones'],
    [
      { verifiers: [{ ...GATEWAY, keeps: 'long' }] },
      'verifiers[0].keeps: a length of time such as',
    ],
    [{ verifiers: [{ ...GATEWAY, unknown_kid: 'maybe' }] }, 'verifiers[0].unknown_kid: '],
    [{ verifiers: [{ ...GATEWAY, per_kid: true }] }, 'verifiers[0].per_kid: who keeps each key'],
    [
      'verifiers:\n  - &g {name: g, keeps: 1h, unknown_kid: never}\n  - *g',
      'line 3: verifiers[1].name: another is called g already',
    ],
    [{ verifiers: [GATEWAY, GATEWAY] }, 'verifiers[1].name: another is called gateway already'],
    ['for: 9d\n1: a\n', 'line 2: 1: is not a known field'],
    ['for: 9d\nnull: a\n', 'line 2: "": is not a known field'],
    ['for: 9d\n? [a, b]\n: 1', '[ a, b ]: is not a known field'],
    [{ 'a\nline 9: b\u001b[2K': 1 }, 'line 1: a\\u{a}line 9: b\\u{1b}[2K: is not a known field'],
    [{ replicas: 1.5 }, 'replicas: must be a whole number'],
    [{ verifiers: [{ ...GATEWAY, name: '' }] }, 'name: must have at least 1 character\n'],
    [event({ do: 'dance' }), 'events[0].do: must be one of: rotate, revoke, stop, settings'],
    [event({ at: '3' }), 'events[0].at: not a length'],
    [event({ at: '91d' }), 'events[0].at: is after the end, 90d'],
    [event({ now: true }), 'events[0].now: is not a known field'],
    [event({ force: 1 }), 'events[0].force: must be a boolean'],
    [event({ do: 'settings', set: { PORT: '1s' } }), 'events[0].set.PORT: is not a known field'],
    [
      event({ do: 'settings', set: { VERIFIER_CACHE_TTL: '40d' } }),
      'events[0].set: KEY_ROTATION_INTERVAL must be ',
    ],
  ])('is refused with its field: %j', async (plan, complaint) => {
    const { status, out, err } = await withPlan(plan);
    expect({ status, out }).toEqual({ status: 2, out: '' });
    expect(err).toContain(join(dir, 'plan.json'));
    expect(err).toContain(complaint);
  });

  test('says everything at once, and to machines as an error', async () => {
    const { status, out } = await withPlan({ for: 1, replicas: 'many' }, '--json');
    expect(status).toBe(2);
    const { error } = JSON.parse(out);
    expect(error.code).toBe('bad_plan');
    expect(error.detail).toContain('for: ');
    expect(error.detail).toContain('replicas: ');
  });

  test('says all that is wrong with one entry, in the order of lines', async () => {
    const plan = `verifiers:
  - name: gateway
    keeps: long
    unknown_kid: never
    per_kid: true
    colour: red
replicas: many`;
    const { err } = await withPlan(plan);
    const told = err.split('\n').map((line) => /line \d+: [^:]+/.exec(line)?.[0]);
    expect(told.filter(Boolean)).toEqual([
      'line 3: verifiers[0].keeps',
      'line 5: verifiers[0].per_kid',
      'line 6: verifiers[0].colour',
      'line 7: replicas',
    ]);
  });

  test('is not found fault with for what it does not say', async () => {
    const { err } = await withPlan({ verifiers: [{ ...GATEWAY, per_kid: 'no' }] });
    expect(err).toContain('verifiers[0].per_kid: must be a boolean\n');
    expect(err.match(/per_kid/g)).toHaveLength(1);
  });

  test('is not longer than anybody would look at', async () => {
    const env = { KEY_ROTATION_INTERVAL: '2d' };
    const { status, err } = await rehearse(['--plan', planFile({ for: '501d' })], env);
    expect(status).toBe(2);
    expect(err).toContain('for: is more than 250 rotations; up to 500d');
  });

  test('that is not there is said to be missing', async () => {
    const { status, err } = await rehearse(['--plan', join(dir, 'none.json')]);
    expect(status).toBe(2);
    expect(err).toContain('none.json cannot be read: there is no such file');
  });

  test('that is a directory is said to be one', async () => {
    const { status, err } = await rehearse(['--plan', dir]);
    expect({ status, err }).toEqual({
      status: 2,
      err: `keyturn keys rehearse: ${dir} cannot be read: that is a directory\n`,
    });
  });

  test('is not asked for when the configuration or the options are wrong', async () => {
    expect((await rehearse(['--plans'])).status).toBe(2);
    expect((await rehearse([], { KEY_LEASE: 'soon' })).status).toBe(78);
  });
});

describe('verifiers of one\u2019s own, in DATA_DIR/verifiers.yaml', () => {
  const declare = (text: string) => writeFileSync(join(dir, 'verifiers.yaml'), text);
  const GATEWAY_FILE = 'verifiers:\n  - { name: gateway, keeps: 26h, unknown_kid: never }\n';
  const FAULT =
    'gateway keeps a JWKS for 26h: it may refuse good tokens for up to 2h after a key begins to ' +
    'sign. Mended by VERIFIER_CACHE_TTL=26h.';
  const atStart = (env: Env = {}) =>
    verifierWarnings(config({ ...PRODUCTION, DATA_DIR: dir, ...env }));

  test('are warned of at a start, with the same sentence that a rehearsal says', async () => {
    expect(await atStart()).toEqual([]);
    declare(GATEWAY_FILE);
    expect(await atStart()).toEqual([FAULT]);
    const { status, out } = await rehearse([], { DATA_DIR: dir });
    expect(status).toBe(1);
    expect(out.replaceAll(/\s+/g, ' ')).toContain(FAULT);
    expect(await atStart({ VERIFIER_CACHE_TTL: '26h' })).toEqual([]);
  });

  test('are judged beside the built-in ones, or in their place', async () => {
    declare(GATEWAY_FILE);
    const names = async () =>
      (await atStart({ VERIFIER_CACHE_TTL: '12h' })).map((warning) => warning.split(' keeps ')[0]);
    expect(await names()).toEqual(['Keycloak adapter', 'gateway']);
    declare(`builtin: false\n${GATEWAY_FILE}`);
    expect(await names()).toEqual(['gateway']);
  });

  test('are left out by a plan, which says whom it rehearses', async () => {
    declare(GATEWAY_FILE);
    expect((await rehearse(['--plan', planFile({})], { DATA_DIR: dir })).status).toBe(0);
  });

  test.each([
    ['verifiers: [', 'line 1: '],
    ['builtin: false', 'verifiers: without the built-in ones, some are wanted'],
    [
      'verifiers:\n  - { name: gateway, keeps: long, unknown_kid: never }',
      'line 2: verifiers[0].keeps',
    ],
    ['events: []', 'events'],
  ])('that are wrong stop no start, but a rehearsal: %j', async (text, complaint) => {
    declare(text);
    const [ignored = '', ...others] = await atStart({ VERIFIER_CACHE_TTL: '12h' });
    expect(ignored).toContain('Verifiers are not judged as declared');
    expect(ignored).toContain(join(dir, 'verifiers.yaml'));
    expect(ignored).toContain(complaint);
    expect(others).toEqual([expect.stringContaining('Keycloak adapter')]);
    const { status, err } = await rehearse([], { DATA_DIR: dir });
    expect(status).toBe(2);
    expect(err).toContain(complaint);
  });

  test.each([
    ['a directory', mkdirSync, 'that is a directory'],
    ['a pipe', makePipe, 'that is no regular file'],
  ])('that are %s are waited for by nobody', async (_, make, reason) => {
    make(join(dir, 'verifiers.yaml'));
    const complaint = `${join(dir, 'verifiers.yaml')} cannot be read: ${reason}`;
    expect(await atStart()).toEqual([`Verifiers are not judged as declared: ${complaint}`]);
    const { status, err } = await rehearse([], { DATA_DIR: dir });
    expect({ status, err }).toEqual({ status: 2, err: `keyturn keys rehearse: ${complaint}\n` });
    const checked = await runCommand(['validate-config', '--json'], { DATA_DIR: dir });
    expect(checked.out).toContain(complaint);
  });

  test('that are wrong in several ways are one line of a log', async () => {
    declare('verifiers:\n  - name: gateway\n    keep: 2h');
    expect((await atStart())[0]).toMatch(/is wanted.*; line 2: .* is required; line 3: [^;\n]*$/);
  });
});
