import { decodeJwt, decodeProtectedHeader } from 'jose';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { operate } from '../../src/control/operate.ts';
import { rotateCommand } from '../../src/issuer/keys/commands.ts';
import type { SelfCheckResult } from '../../src/issuer/keys/self-check.ts';
import { carryOut } from '../../src/issuer/keys/transition.ts';
import { seconds, times } from '../../src/kit/duration.ts';
import { createLogger } from '../../src/kit/log.ts';
import { DRIVERS, type TestDriver } from '../support/databases.ts';
import { type KeyturnOptions, standingClock, startKeyturn } from '../support/keyturn.ts';
import { createWorld, type WorldAnswer } from '../support/world.ts';

const [driver] = DRIVERS as readonly [TestDriver];
const DAY = seconds(86_400);
const PLANNED = { ifDue: false, force: false, dryRun: false };
const SOON = { timeout: 60_000 };

interface Options extends KeyturnOptions {
  readonly storage?: TestDriver;
  /** Whether it works by itself as well; else it does only what the test asks. */
  readonly jobs?: boolean;
  readonly show?: ((answer: WorldAnswer) => WorldAnswer) | undefined;
}

/** A Keyturn whose issuer URL leads through a world, until the test is over. */
async function start(
  given: Options = {},
  atEnd: (end: () => Promise<void>) => void = onTestFinished,
) {
  const { storage = driver, jobs = false, show = (answer) => answer, env, ...options } = given;
  const world = await createWorld();
  atEnd(() => world.close());
  world.show(show);
  const keyturn = await startKeyturn(storage, {
    ...options,
    boot: false,
    env: { ISSUER_URL: world.url, SELF_CHECK: 'on', ...env },
  });
  atEnd(() => keyturn.close());
  world.lead(keyturn.url);
  await keyturn.boot();
  const { issuer } = keyturn.parts;
  if (!issuer) throw new Error('there is no issuer');
  if (!jobs) await issuer.jobs.stop();
  const { selfCheck, transitions, keyring } = issuer;
  const look = async (): Promise<SelfCheckResult | undefined> => {
    await selfCheck?.run(new AbortController().signal);
    return selfCheck?.last();
  };
  return {
    world,
    keyturn,
    keyring,
    transitions,
    selfCheck,
    look,
    codes: async () => (await look())?.faults.map(({ code }) => code),
    /** Rotates as planned, a day and more after the start. */
    rotate: (options = {}) => rotateCommand(transitions, { ...PLANNED, ...options }),
    logged: (text: string) => keyturn.lines.filter((line) => line.includes(text)),
  };
}

type Jwk = Record<string, unknown> & { kid: string };

/** Changes the keys of a JWKS on its way. */
const rekeyed = (change: (keys: Jwk[]) => unknown[]) => (answer: WorldAnswer) => {
  const { keys } = JSON.parse(answer.body) as { keys: Jwk[] };
  return { ...answer, body: JSON.stringify({ keys: change(keys) }) };
};

const withHeader = (name: string, value: string) => (answer: WorldAnswer) => ({
  ...answer,
  headers: { ...answer.headers, [name]: value },
});

/** Hides all but the active key, which comes first. */
const withoutNext = rekeyed(([active]) => [active]);

describe('the self-check', () => {
  test('runs by itself, and sees what is published', async () => {
    const { world, selfCheck, keyring, keyturn, logged } = await start({ jobs: true });
    await expect.poll(() => selfCheck?.last(), SOON).toBeDefined();
    expect(selfCheck?.last()).toEqual({
      checkedAt: keyturn.clock.now(),
      ok: true,
      faults: [],
      seen: JSON.parse(keyring.jwks().body.toString()).keys.map(({ kid }: Jwk) => kid),
      staleFor: 0,
    });
    expect(world.agents).toEqual(['keyturn-self-check']);
    expect(logged('self-check:')).toEqual([]);
  });

  test('can be switched off', async () => {
    const { selfCheck, transitions } = await start({ env: { SELF_CHECK: 'off' } });
    expect([selfCheck, transitions.isVisible]).toEqual([undefined, undefined]);
  });

  test('names what caches keep back, and for how long', async () => {
    const { world, keyturn, look, rotate, keyring } = await start();
    let kept: string | undefined;
    world.show((answer) => {
      kept ??= answer.body;
      return { ...answer, body: kept };
    });
    await look();
    keyturn.clock.advance(seconds(1));
    await rotate({ force: true });
    await keyring.poll();
    keyturn.clock.advance(seconds(360));
    expect(await look()).toMatchObject({ ok: true, staleFor: seconds(360) });
    keyturn.clock.advance(seconds(1));
    expect(await look()).toMatchObject({
      ok: false,
      faults: [{ code: 'next_missing', detail: expect.stringContaining('6m 1s ago') }],
      staleFor: seconds(361),
    });
    keyturn.clock.advance(DAY);
    expect((await look())?.faults).toMatchObject([
      { code: 'next_missing' },
      { code: 'stale_keys' },
    ]);
  });

  test('knows a key that another replica has just published', async () => {
    const { world, codes, rotate, keyring } = await start();
    const { poll } = keyring;
    const before = keyring.known().length;
    const { keys } = await rotate({ force: true });
    world.show(rekeyed((shown) => [...shown, ...keys.map(({ kid }) => ({ kid, n: 'n', e: 'e' }))]));
    expect(await codes()).not.toContain('unknown_keys');
    expect(keyring.known().length).toBe(before + 1);
    await poll();
  });

  test('says once what is wrong, and once that it is right again', async () => {
    const { world, look, logged } = await start();
    await world.close();
    const results = [await look(), await look(), await look()];
    expect(results.map((result) => result?.ok)).toEqual([false, false, false]);
    const lines = logged('self-check:').map((line) => JSON.parse(line));
    expect(lines).toMatchObject([{ level: 'warn', faults: [{ code: 'unreachable' }] }]);
    expect(lines[0].faults[0].detail).toContain('SELF_CHECK=off');
  });

  test('says what is wrong each time that it is another thing', async () => {
    const { world, look, logged } = await start();
    const shows = [
      withHeader('age', '999'),
      withHeader('age', '1200'),
      withHeader('cache-control', 'max-age=999'),
      withHeader('age', '0'),
      withHeader('age', '0'),
    ];
    for (const show of shows) {
      world.show(show);
      await look();
    }
    const lines = logged('self-check:').map((line) => JSON.parse(line));
    expect(lines).toMatchObject([
      { level: 'warn', faults: [{ code: 'stale_answer' }] },
      { level: 'warn', faults: [{ code: 'cached_too_long' }] },
      { level: 'info' },
    ]);
  });

  test('is given up on when the server stops', async () => {
    const { world, selfCheck } = await start();
    world.show(() => undefined);
    const stop = new AbortController();
    const looked = selfCheck?.run(stop.signal);
    await expect.poll(() => world.agents.length).toBe(1);
    stop.abort();
    await looked;
    expect(selfCheck?.last()).toBeUndefined();
  });
});

describe('what the world sees', () => {
  let shared: Awaited<ReturnType<typeof start>> | undefined;
  beforeAll(async () => {
    const ends: (() => Promise<void>)[] = [];
    shared = await start({}, (end) => void ends.unshift(end));
    return async () => {
      for (const end of ends) await end();
    };
  });

  test.each<[string, (answer: WorldAnswer) => WorldAnswer, string[]]>([
    ['an error', (answer) => ({ ...answer, status: 503 }), ['unreachable']],
    [
      'a redirect',
      (answer) => ({ ...answer, status: 302, headers: { location: '/elsewhere' } }),
      ['unreachable'],
    ],
    ['a page', (answer) => ({ ...answer, body: '<!doctype html>' }), ['not_json']],
    ['no JWK Set', (answer) => ({ ...answer, body: '{"keys":{}}' }), ['not_json']],
    ['null', (answer) => ({ ...answer, body: 'null' }), ['not_json']],
    [
      'far too much',
      (answer) => ({ ...answer, body: answer.body + ' '.repeat(256 * 1024) }),
      ['not_json'],
    ],
    [
      'another type',
      withHeader('content-type', 'text/plain; charset=utf-8'),
      ['wrong_content_type'],
    ],
    ['plain JSON', withHeader('content-type', 'Application/JSON; charset=utf-8'), []],
    ['an old answer', withHeader('age', '361'), ['stale_answer']],
    ['an answer of today', withHeader('age', '360'), []],
    [
      'one to be kept',
      withHeader('cache-control', 'public, s-maxage=5, max-age=301'),
      ['cached_too_long'],
    ],
    ['foreign keys', rekeyed((keys) => [...keys, { ...keys[0], kid: 'x' }]), ['unknown_keys']],
    ['a key too few', withoutNext, []],
    [
      'keys for another use',
      rekeyed((keys) => keys.map((key) => ({ ...key, use: 'enc' }))),
      ['canary_refused', 'canary_refused'],
    ],
    [
      'altered keys',
      rekeyed(([active, next]) => [active, { ...next, n: active?.n }]),
      ['canary_refused'],
    ],
    ['things that are no keys', rekeyed((keys) => [...keys, null, 7, { kid: 7 }]), []],
  ])('%s', async (_, change, expected) => {
    shared?.world.show(change);
    expect(await shared?.codes()).toEqual(expected);
  });
});

describe('a canary', () => {
  test('is signed by the active and by the next key, and is no access token', async () => {
    const { keyturn, keyring } = await start();
    const canaries = await keyring.canaries(keyturn.clock.now());
    const kids = keyring.known().map(({ kid }) => kid);
    expect(canaries.map(({ kid }) => kid).sort()).toEqual(kids.sort());
    for (const { kid, token } of canaries) {
      expect(decodeProtectedHeader(token)).toEqual({
        alg: 'RS256',
        kid,
        typ: 'keyturn-canary+jwt',
      });
      const { iat = 0, ...claims } = decodeJwt(token);
      expect(claims).toEqual({ exp: iat + 1 });
      const answer = await fetch(`${keyturn.url}/api/auth/me`, {
        headers: { Authorization: `Bearer ${token}` },
      });
      expect(answer.status).toBe(401);
      expect(await answer.json()).toMatchObject({ code: 'token_malformed' });
    }
  });
});

describe('a planned rotation', () => {
  test('is refused while the world lacks the next key', async () => {
    const { world, keyturn, rotate } = await start();
    keyturn.clock.advance(times(2, DAY));
    world.show(withoutNext);
    const refusal = { code: 'next_not_visible', message: expect.stringContaining('--force') };
    await expect(rotate()).rejects.toMatchObject(refusal);
    await expect(rotate({ dryRun: true })).rejects.toMatchObject(refusal);
    const before = await rotate({ ifDue: true });
    expect(before.changed).toBe(false);
    const { changed, active } = await rotate({ force: true });
    expect([changed, active]).toEqual([true, before.next]);
  });

  test('goes on when the world sees the next key, or cannot be asked', async () => {
    const { world, keyturn, rotate, logged } = await start();
    keyturn.clock.advance(times(2, DAY));
    expect(await rotate()).toMatchObject({ changed: true });
    expect(logged('rotating all the same')).toEqual([]);
    keyturn.clock.advance(times(2, DAY));
    world.show((answer) => ({ ...answer, body: '<!doctype html>' }));
    expect(await rotate()).toMatchObject({ changed: true });
    keyturn.clock.advance(times(2, DAY));
    await world.close();
    expect(await rotate()).toMatchObject({ changed: true });
    expect(logged('rotating all the same')).toHaveLength(2);
  });

  test('asks for nothing when it would not rotate', async () => {
    const { world, rotate, transitions } = await start({ show: withoutNext });
    await expect(rotate()).rejects.toMatchObject({ code: 'next_too_young' });
    expect(await carryOut(transitions, { kind: 'tick' })).toMatchObject({ kind: 'nothing' });
    expect(world.agents).toEqual([]);
  });

  test('an emergency does not ask', async () => {
    const { world, transitions } = await start({ show: withoutNext });
    expect(await carryOut(transitions, { kind: 'revoke_all' })).toMatchObject({ kind: 'change' });
    expect(world.agents).toEqual([]);
  });

  test('by a command of its own asks as well', async () => {
    // The database's own clock is months ahead of the one that published the keys.
    const { world, keyturn } = await start();
    const lines: string[] = [];
    const destination = { write: (line: string) => void lines.push(line) };
    const log = createLogger({ level: 'warn', format: 'json', destination });
    const rotate = () => operate({ config: keyturn.config, log }, 'keys rotate', PLANNED);
    world.show(withoutNext);
    expect(await rotate()).toMatchObject({ failure: { code: 'next_not_visible', status: 75 } });
    expect(lines).toEqual([]);
    await world.close();
    expect(await rotate()).toMatchObject({ result: { changed: true } });
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { level: 'warn', reason: expect.stringContaining(`${world.url}/.well-known/jwks.json`) },
    ]);
  });

  describe('that has become due', () => {
    /** Starts again a month later. */
    async function later(show?: (answer: WorldAnswer) => WorldAnswer) {
      const storage = await driver.create();
      onTestFinished(storage.drop);
      const kept = { ...driver, create: async () => ({ ...storage, drop: async () => {} }) };
      const env = { KEYS_DIR: `${storage.dataDir}-keys` };
      const first = await startKeyturn(kept, { env });
      await first.close();
      const clock = standingClock();
      clock.advance(times(31, DAY));
      return start({ env, clock, storage: kept, jobs: true, show });
    }

    test('waits until the server serves, and then is made', async () => {
      const { keyring, logged } = await later();
      // At the start it would have been made without a word.
      await expect.poll(() => logged('signing keys rotated'), SOON).toHaveLength(1);
      await keyring.poll();
      expect(keyring.known()).toHaveLength(3);
    });

    test('is not made while the world lacks the next key', async () => {
      const { keyring, logged } = await later(withoutNext);
      await expect.poll(() => logged('signing keys not rotated'), SOON).toHaveLength(1);
      await keyring.poll();
      expect(keyring.known()).toHaveLength(2);
    });
  });
});
