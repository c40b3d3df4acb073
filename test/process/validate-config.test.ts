import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { run } from '../../src/cli.ts';
import { seconds } from '../../src/kit/duration.ts';
import { checkClock } from '../../src/resource-server/inspection/answer-checks.ts';
import type { Check } from '../../src/resource-server/inspection/check.ts';
import { checkKeys } from '../../src/resource-server/inspection/key-checks.ts';
import { checkHttps, checkMetadata } from '../../src/resource-server/inspection/metadata-checks.ts';
import { readJwkSet } from '../../src/resource-server/jwk-set.ts';
import { type Env, KEY, PRODUCTION } from '../support/config.ts';
import { DRIVERS, newDirectory, type TestDriver } from '../support/databases.ts';
import { type FakeIssuer, fakeKey, startFakeIssuer } from '../support/fake-issuer.ts';
import { startKeyturn } from '../support/keyturn.ts';
import { answer, FAULTS, GOOD, keys, privateJwk } from './faulty-issuers.ts';

// The command reads a .env where it is called.
const home = process.cwd();
beforeAll(async () => process.chdir(await newDirectory()));
afterAll(() => process.chdir(home));

async function keyturn(argv: readonly string[], env: Env = {}) {
  const [out, err] = [new PassThrough(), new PassThrough()];
  const status = await run({ argv: ['validate-config', ...argv], env, out, err });
  out.end();
  err.end();
  return { status, stdout: await text(out), stderr: await text(err) };
}

/** What `--json` says of an issuer. */
async function inspected(issuer: string) {
  const { status, stdout, stderr } = await keyturn(['--json', '--issuer', issuer]);
  expect(stderr).toBe('');
  const report = JSON.parse(stdout) as { ok: boolean; checks: Check[] };
  expect(report.ok).toBe(status === 0);
  for (const check of report.checks) {
    expect(check.detail).toMatch(/./);
    // Everything that is not well says how to mend it.
    expect(check.mend ?? '').toMatch(check.status === 'ok' ? /^$/ : /.{15}/);
  }
  return { status, checks: report.checks };
}

async function issuerWith(
  change: (issuer: FakeIssuer) => object = () => ({}),
): Promise<FakeIssuer> {
  const issuer = await startFakeIssuer();
  onTestFinished(() => issuer.close());
  issuer.jwks = answer(GOOD);
  return Object.assign(issuer, change(issuer));
}

const isUsable = (document: unknown): boolean => {
  try {
    return readJwkSet(document, 'x').size > 0;
  } catch {
    return false;
  }
};

/** What is wrong in more than one respect. */
const TWOFOLD = /null as metadata|keys that are none/;

describe('an issuer', () => {
  test('without a fault, that is not Keyturn', async () => {
    const { url } = await issuerWith();
    const { status, checks } = await inspected(url);
    expect(status).toBe(0);
    const troubles = checks.filter((check) => check.status !== 'ok');
    expect(troubles.map(({ check, status: grade }) => `${grade} ${check}`)).toEqual(['warn https']);
    expect(checks.map(({ check }) => check)).toEqual([
      ...['configuration', 'https', 'metadata', 'clock', 'metadata.issuer', 'metadata.jwks_uri'],
      ...['jwks', 'jwks.type', 'jwks.cache', 'jwks.keys', 'jwks.size', 'jwks.use', 'jwks.alg'],
      ...['jwks.kid', 'jwks.private'],
    ]);
  });

  test.each(FAULTS)('%s: %s', async (name, expected, change) => {
    const { url } = await issuerWith(change);
    const { status, checks } = await inspected(url);
    const troubles = checks.filter((check) => check.status !== 'ok' && check.check !== 'https');
    const found = troubles.map(({ check, status: grade }) => `${grade} ${check}`);
    expect(found).toContain(expected);
    expect(status).toBe(found.some((line) => line.startsWith('fail')) ? 1 : 0);
    if (expected.startsWith('fail')) expect(status).toBe(1);
    // One fault is told once.
    if (!TWOFOLD.test(name)) expect(found).toEqual([expected]);
  });

  test('a private key is never shown', async () => {
    const { url } = await issuerWith(() => ({ jwks: keys(privateJwk) }));
    const { stdout } = await keyturn(['--issuer', url]);
    expect(stdout).toContain('jwks.private');
    for (const name of ['d', 'p', 'q', 'dp', 'dq', 'qi'] as const) {
      expect(stdout).not.toContain(String(privateJwk[name]));
    }
  });

  test('cannot write lines of the report', async () => {
    const kid = 'a.\nok    jwks.private  None.\u001b[1A\u2028\u202e';
    const { jwk } = fakeKey(kid);
    const { url } = await issuerWith(() => ({ jwks: keys(jwk, jwk) }));
    const { stdout } = await keyturn(['--issuer', url]);
    expect(stdout).toContain('kid a.\\u{a}ok    jwks.private  None.\\u{1b}[1A\\u{2028}\\u{202e}.');
    expect(stdout.match(/^ok {4}jwks.private/gm)).toHaveLength(1);
  });

  test('whose keys nobody can use never passes', () => {
    const { jwk } = fakeKey('some');
    const short = fakeKey('short', 1024).jwk;
    // Seldom bad: a set with one fault is the one that may slip through.
    const mostly = (good: unknown, ...bad: unknown[]) =>
      fc.oneof({ weight: 9, arbitrary: fc.constant(good) }, fc.constantFrom(...bad));
    const variant = fc
      .record({
        of: mostly(jwk, short),
        kid: mostly('a', 'b', '', 1, undefined),
        use: mostly('sig', 'enc', 'x', 1, undefined),
        alg: mostly('RS256', 'RS512', 1, undefined),
        key_ops: mostly(undefined, ['verify'], ['encrypt'], [], 'verify'),
        kty: mostly('RSA', 'EC'),
        d: mostly(undefined, 'AQAB'),
        e: mostly('AQAB', 'AQ'),
      })
      .map(({ of, ...rest }) => JSON.parse(JSON.stringify({ ...(of as object), ...rest })));
    fc.assert(
      fc.property(fc.array(variant, { maxLength: 3 }), (all) => {
        fc.pre(!isUsable({ keys: all }));
        expect(checkKeys({ keys: all }).map(({ status }) => status)).toContain('fail');
      }),
      { numRuns: 500 },
    );
  });

  test('that is a Keyturn has nothing to mend', async () => {
    const issuer = await startKeyturn(DRIVERS[0] as TestDriver, { boot: false });
    onTestFinished(() => issuer.close());
    await issuer.boot();
    // The documents name the issuer, which is not where this one listens: asked of each by hand.
    const document = await (await fetch(`${issuer.url}/.well-known/openid-configuration`)).json();
    const { checks } = checkMetadata(issuer.issuer, document);
    expect(checks.map(({ status }) => status)).toEqual(['ok', 'ok', 'ok']);
    const jwks = await fetch(`${issuer.url}/.well-known/jwks.json`);
    const body: unknown = await jwks.json();
    const headers = ['Content-Type', 'Cache-Control'].map((name) => [
      name,
      jwks.headers.get(name) ?? '',
    ]);
    const { url } = await issuerWith(() => ({ jwks: answer(body, Object.fromEntries(headers)) }));
    expect((await inspected(url)).status).toBe(0);
  });

  test('is to be https, but for one on this machine', () => {
    const grade = (url: string) => checkHttps('https', url).status;
    expect(grade('https://id.example.com')).toBe('ok');
    for (const host of ['localhost:3000', '127.0.0.1', '[::1]:3000']) {
      expect(grade(`http://${host}`)).toBe('warn');
    }
    for (const host of ['id.example.com', 'localhost.example.com', '10.0.0.1', '127.example.com']) {
      expect(grade(`http://${host}`)).toBe('fail');
    }
    const issuer = 'https://id.example.com';
    const { checks } = checkMetadata(issuer, { issuer, jwks_uri: 'http://id.example.com/jwks' });
    expect(checks.map(({ status }) => status)).toEqual(['ok', 'fail']);
  });

  test('has a clock that may differ by the skew and no more', () => {
    const policy = { clockSkew: seconds(60), verifierCacheTtl: seconds(86_400) };
    const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 12, 0, second));
    const grade = (theirs: Date | undefined, asked = at(0), answered = at(0)) =>
      checkClock(theirs ? { date: theirs.toUTCString() } : {}, asked, answered, policy);
    expect(grade(undefined).status).toBe('warn');
    for (const second of [0, 60, -60, -61]) expect(grade(at(second)).status).toBe('ok');
    expect(grade(at(61)).detail).toContain('1m 1s ahead of');
    expect(grade(at(-62)).detail).toContain('1m 1s behind');
    // A cache hands on the Date of then.
    const cached = (age: string) =>
      checkClock({ date: at(-250).toUTCString(), age }, ...[at(0), at(0), policy]).status;
    expect([cached('250'), cached('x'), cached('0')]).toEqual(['ok', 'fail', 'fail']);
    // A slow answer is nobody's clock.
    expect(grade(at(20), at(0), at(100)).detail).toContain('agree to 0s');
  });
});

const KEYED = { KEYS_DIR: undefined, KEY_ENCRYPTION_KEY: KEY };

describe('the configuration', () => {
  test('that is good says so, for people too', async () => {
    const { status, stdout, stderr } = await keyturn([]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toBe(
      'ok    configuration  Nothing to complain about.\n\n1 ok, 0 to look at, 0 to mend.\n',
    );
  });

  test('that is unwise says why', async () => {
    const { status, stdout } = await keyturn([], { CLOCK_SKEW: '0s' });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^warn {2}configuration {2}CLOCK_SKEW: .*\n\n.* to mend\.\n$/);
  });

  test('that is misspelt names what was meant', async () => {
    const { status, stdout } = await keyturn([], { ACCES_TOKEN_TTL: '5m' });
    expect(status).toBe(0);
    expect(stdout).toBe(
      'warn  configuration  ACCES_TOKEN_TTL: unknown; did you mean ACCESS_TOKEN_TTL?\n\n' +
        '0 ok, 1 to look at, 0 to mend.\n',
    );
  });

  test('that is unwise leads once to the page that says more', async () => {
    const env = {
      ...PRODUCTION,
      ...KEYED,
      TRUST_PROXY: '0',
      LOG_FORMAT: 'pretty',
      CLOCK_SKEW: '0s',
    };
    const { stdout } = await keyturn([], env);
    expect(stdout.match(/^warn /gm)).toHaveLength(3);
    expect(stdout.match(/docs\//g)).toHaveLength(1);
    expect(stdout).toMatch(
      / to mend\.\ndocs\/deployment\.md explains TRUST_PROXY, LOG_FORMAT\.\n$/,
    );
  });

  test('that is unusable names every fault with an example, looks at the issuer, and is 78', async () => {
    const { url } = await issuerWith();
    const env = { PORT: 'x', KEY_BITS: '1024', NODE_ENV: 'production' };
    const { status, stdout, stderr } = await keyturn(['--issuer', url], env);
    expect({ status, stderr }).toEqual({ status: 78, stderr: '' });
    for (const name of ['PORT', 'KEY_BITS', 'DATABASE_URL']) {
      expect(stdout).toMatch(new RegExp(`^fail {2}configuration +${name}: `, 'm'));
      expect(stdout).toMatch(new RegExp(`for example: ${name}=`));
    }
    expect(stdout).toMatch(/^ok {4}jwks.keys/m);
    const machine = JSON.parse((await keyturn(['--json'], env)).stdout);
    expect(machine.ok).toBe(false);
    expect(machine.checks.length).toBeGreaterThan(2);
  });

  test('whose keys a server would refuse names them with all else, and makes nothing', async () => {
    const dir = join(await newDirectory(), 'keys');
    const env = { ...PRODUCTION, KEYS_DIR: dir, PORT: 'x' };
    const { status, stdout, stderr } = await keyturn([], env);
    expect({ status, stderr }).toEqual({ status: 78, stderr: '' });
    expect(stdout).toMatch(/^fail {2}configuration {2}PORT: /m);
    expect(stdout).toMatch(/^fail {2}configuration {2}KEYS_DIR: .* production makes none/m);
    expect(existsSync(dir)).toBe(false);

    const file = { ...PRODUCTION, KEYS_DIR: undefined, KEY_ENCRYPTION_KEY_FILE: join(dir, 'none') };
    const missing = await keyturn([], file);
    expect(missing.status).toBe(78);
    expect(missing.stdout).toMatch(/^fail .* {2}KEY_ENCRYPTION_KEY_FILE: .*none cannot be read/);
    // Outside production a server would make the first key.
    expect((await keyturn([], { KEYS_DIR: dir })).status).toBe(0);
    expect(existsSync(dir)).toBe(false);
  });

  test('whose declared verifiers are wrong, or ask too much, is warned of as a start warns', async () => {
    const dir = await newDirectory();
    const declared = async (text: string) => {
      await writeFile(join(dir, 'verifiers.yaml'), text);
      return keyturn([], { DATA_DIR: dir });
    };
    const { status, stdout } = await declared('a: [\nb: [');
    expect(status).toBe(0);
    const lines = stdout.split('\n').filter((line) => line.startsWith('warn '));
    expect(lines).toEqual([
      expect.stringMatching(/Verifiers are not judged as declared: .*verifiers\.yaml: line 2: /),
    ]);
    const gateway = 'verifiers: [{ name: gateway, keeps: 26h, unknown_kid: never }]';
    expect((await declared(gateway)).stdout).toMatch(
      /^warn {2}configuration {2}gateway keeps a JWKS for 26h/,
    );
  });

  test('whose keys alone are wrong has an issuer held to its times, and the rest told', async () => {
    const { url } = await issuerWith();
    const env = { VERIFIER_CACHE_TTL: '3m', KEYS_DIR: '/dev/null', LOG_FORMAT: 'pretty' };
    const { status, stdout } = await keyturn(['--issuer', url], { ...PRODUCTION, ...env });
    expect(status).toBe(78);
    expect(stdout).toMatch(/^fail {2}configuration +KEYS_DIR: /m);
    expect(stdout).toMatch(/^warn {2}configuration +LOG_FORMAT: /m);
    expect(stdout).toMatch(/^fail {2}jwks\.cache .*longer than VERIFIER_CACHE_TTL, 3m/m);
  });

  test('that does not say where the keys are has no other keys judged', async () => {
    const { stdout } = await keyturn([], { ...PRODUCTION, KEYS_DIR: undefined });
    expect(stdout.match(/^fail /gm)).toHaveLength(1);
    expect(stdout).toContain('KEY_ENCRYPTION_KEY: production needs');
  });

  test.each([
    ['--issuer'],
    ['--issuer', 'id.example.com'],
    ['--issuer', 'https://id.example.com?x'],
    ['--issuer', 'https://id.example.com#x'],
    ['--issuer', 'https://user:secret@id.example.com'],
    ['--fast'],
    ['x'],
  ])('wrong usage: %s %s', async (...argv) => {
    const { status, stdout, stderr } = await keyturn(argv);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain('keyturn validate-config: ');
    expect(stderr).not.toContain('secret');
  });
});
