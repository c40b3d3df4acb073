import { describe, expect, test } from 'vitest';
import { ADA, BOB, createWorld, LIFETIME, offline, problem } from '../support/browser-world.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A tab with Ada signed in. */
async function signedIn() {
  const world = createWorld();
  const tab = world.openTab();
  await world.settle();
  return { ...world, tab, token: await tab.session.accessToken() };
}

describe('a page that is loaded', () => {
  test('finds out who is signed in', async () => {
    const { tab, server } = await signedIn();
    expect(tab.session.user()).toEqual(ADA);
    expect(tab.users).toEqual([ADA]);
    expect(tab.reasons).toEqual([]);
    expect(server.calls).toEqual(['refresh']);
    expect(server.bodies).toEqual([{}]);
  });

  test('finds out that nobody is, and asks no more', async () => {
    const world = createWorld();
    world.server.signedIn = null;
    const tab = world.openTab();
    expect(tab.session.user()).toBeUndefined();
    await world.settle();
    expect(tab.session.user()).toBeNull();
    expect(tab.reasons).toEqual(['none']);
    const code = 'invalid_refresh_token';
    await expect(tab.session.accessToken()).rejects.toMatchObject({ status: 401, code });
    tab.wake();
    await world.run(HOUR);
    expect(world.server.calls).toEqual(['refresh']);
  });

  test('asks once for whatever is wanted at the same time', async () => {
    const world = createWorld();
    world.server.latency = 500;
    const { session } = world.openTab();
    const wanted = Promise.all(Array.from({ length: 20 }, () => session.accessToken()));
    await world.run(500);
    expect(new Set(await wanted).size).toBe(1);
    expect(world.server.calls).toEqual(['refresh']);
  });
});

describe('a token', () => {
  test('is renewed shortly before its expiry, and not sooner', async () => {
    const { tab, run, server, token } = await signedIn();
    await run(LIFETIME - 2 * MINUTE);
    expect(await tab.session.accessToken()).toBe(token);
    expect(server.calls).toHaveLength(1);
    await run(MINUTE);
    expect(server.calls).toHaveLength(2);
    expect(await tab.session.accessToken()).not.toBe(token);
    expect(tab.users).toEqual([ADA]);
  });

  test('of a page that nobody sees is renewed when somebody does, or when it is used', async () => {
    const { tab, run, server, settle } = await signedIn();
    tab.visible = false;
    await run(3 * HOUR);
    expect(server.calls).toHaveLength(1);
    tab.visible = true;
    tab.wake();
    await settle();
    expect(server.calls).toHaveLength(2);
    tab.visible = false;
    await run(HOUR);
    await tab.session.accessToken();
    expect(server.calls).toHaveLength(3);
  });

  test('is old after sleep, though no timer came', async () => {
    const { tab, sleep, token } = await signedIn();
    sleep(8 * HOUR);
    expect(await tab.session.accessToken()).not.toBe(token);
  });

  test('that cannot be renewed now is given while it is good, without asking with each use', async () => {
    const { tab, sleep, server, settle, token } = await signedIn();
    sleep(LIFETIME - 30_000);
    server.trouble = () => problem(500, 'internal');
    for (let i = 0; i < 5; i++) {
      expect(await tab.session.accessToken()).toBe(token);
      await settle();
    }
    expect(server.calls).toHaveLength(2);
  });

  test('is given at once while it is good, and renewed behind the back', async () => {
    const { tab, sleep, server, settle, token } = await signedIn();
    sleep(LIFETIME - 30_000);
    server.trouble = offline;
    expect(await tab.session.accessToken()).toBe(token);
    await settle();
    expect(server.calls).toHaveLength(2);
  });

  test.each([
    ['back', -24 * HOUR],
    ['forward', 24 * HOUR],
  ])('does not mind a clock that is set %s', async (_where, by) => {
    const { tab, setClock, run, server, token } = await signedIn();
    setClock(by);
    await run(LIFETIME + MINUTE);
    expect(await tab.session.accessToken()).not.toBe(token);
    // One by the timer, one more where it seemed to be old.
    expect(server.calls.length).toBeLessThanOrEqual(3);
    expect(tab.users).toEqual([ADA]);
  });

  test('that was refused is replaced once, for all who ask', async () => {
    const { tab, server, token } = await signedIn();
    const next = await Promise.all([tab.session.replace(token), tab.session.replace(token)]);
    expect(new Set(next).size).toBe(1);
    expect(next[0]).not.toBe(token);
    expect(await tab.session.replace(token)).toBe(next[0]);
    expect(server.calls).toHaveLength(2);
  });

  test('is asked for again when the page comes back from where it heard nobody', async () => {
    const { tab, server, settle } = await signedIn();
    tab.wake();
    await settle();
    expect(server.calls).toHaveLength(1);
    server.signedIn = null;
    tab.wake(true);
    await settle();
    expect(tab.users).toEqual([ADA, null]);
  });
});

describe('trouble', () => {
  test('is no logout: it is tried again, ever more seldom, and at once when there is hope', async () => {
    const { tab, server, run, settle } = await signedIn();
    server.trouble = offline;
    await run(LIFETIME + MINUTE);
    const first = server.calls.length;
    expect(first).toBeGreaterThan(3);
    await expect(tab.session.accessToken()).rejects.toMatchObject({ code: 'network_error' });
    await run(10 * MINUTE);
    expect(server.calls.length - first).toBeLessThan(14);
    server.trouble = undefined;
    tab.wake();
    await settle();
    expect(await tab.session.accessToken()).toBeTruthy();
    expect(tab.users).toEqual([ADA]);
    expect(tab.reasons).toEqual([]);
    expect(tab.session.user()).toEqual(ADA);
  });

  test('is met once by all who ask at the same time', async () => {
    const { tab, server, sleep } = await signedIn();
    sleep(HOUR);
    server.trouble = offline;
    const asked = Array.from({ length: 20 }, () => tab.session.accessToken());
    const outcomes = await Promise.allSettled(asked);
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(20);
    expect(server.calls).toHaveLength(2);
  });

  test('at the start leaves it open who is signed in', async () => {
    const world = createWorld();
    world.server.trouble = offline;
    const tab = world.openTab();
    await world.run(5_000);
    expect(tab.session.user()).toBeUndefined();
    expect(tab.users).toEqual([]);
    world.server.trouble = undefined;
    await world.run(MINUTE);
    expect(tab.users).toEqual([ADA]);
  });

  test.each([
    [503, 'unavailable'],
    [429, 'rate_limited'],
  ])('that says when to come back (%i) is taken at its word', async (status, code) => {
    const { tab, server, run, sleep, settle } = await signedIn();
    sleep(HOUR);
    server.trouble = () => problem(status, code, { 'Retry-After': '120' });
    const refused = { status, code, retryAfter: 120 };
    await expect(tab.session.accessToken()).rejects.toMatchObject(refused);
    await run(119_000);
    tab.wake();
    await settle();
    await expect(tab.session.accessToken()).rejects.toMatchObject(refused);
    expect(server.calls).toHaveLength(2);
    server.trouble = undefined;
    await run(61_000);
    expect(server.calls).toHaveLength(3);
    expect(tab.users).toEqual([ADA]);
  });

  test.each([
    [
      'an answer that is none of Keyturn’s',
      () => new Response('<h1>Bad Gateway</h1>', { status: 502 }),
    ],
    ['an answer that is cut', () => new Response('{"access_token":"ey', { status: 200 })],
    ['a refused origin', () => problem(403, 'csrf_rejected')],
  ])('like %s is no logout either', async (_what, trouble) => {
    const { tab, server, sleep } = await signedIn();
    sleep(HOUR);
    server.trouble = trouble;
    await expect(tab.session.accessToken()).rejects.toThrow();
    server.trouble = undefined;
    await tab.session.accessToken();
    expect(tab.users).toEqual([ADA]);
  });
});

describe('a session that is over', () => {
  test.each([
    ['session_ended', 'invalid_refresh_token', HOUR],
    ['stolen', 'refresh_token_reused', HOUR],
    ['expired', 'invalid_refresh_token', 8 * 24 * HOUR],
  ] as const)('says why: %s', async (reason, refusal, asleep) => {
    const { tab, server, sleep, openTab, settle } = await signedIn();
    const other = openTab();
    await settle();
    Object.assign(server, { signedIn: null, refusal });
    sleep(asleep);
    await expect(tab.session.accessToken()).rejects.toMatchObject({ code: refusal });
    await settle();
    for (const { users, reasons } of [tab, other]) {
      expect(users).toEqual([ADA, null]);
      expect(reasons).toEqual([reason]);
    }
  });
});

describe('logging in and out', () => {
  test('sends what was given, for the cookie to take', async () => {
    const { tab, server } = await signedIn();
    const credentials = { email: 'ada@example.com', password: 'a secret' };
    expect(await tab.session.enter('login', credentials)).toEqual(ADA);
    expect(server.bodies.at(-1)).toEqual({ ...credentials, delivery: 'cookie' });
  });

  test('reaches every tab', async () => {
    const world = createWorld();
    world.server.signedIn = null;
    const [tab, other] = [world.openTab(), world.openTab()];
    await world.settle();
    world.server.signedIn = BOB;
    await tab.session.enter('login', {});
    await world.settle();
    expect(await other.session.accessToken()).toBe(await tab.session.accessToken());
    await other.session.leave();
    await world.settle();
    for (const { users, reasons } of [tab, other]) {
      expect(users).toEqual([null, BOB, null]);
      expect(reasons).toEqual(['none', 'signed_out']);
    }
  });

  test('as somebody else shows in every tab', async () => {
    const { tab, server, openTab, settle } = await signedIn();
    const other = openTab();
    await settle();
    server.signedIn = BOB;
    await tab.session.enter('login', {});
    await settle();
    expect(other.users).toEqual([ADA, BOB]);
    expect(other.reasons).toEqual([]);
  });

  test('that fails leaves things as they were', async () => {
    const { tab, server, token, settle } = await signedIn();
    server.trouble = () => problem(401, 'invalid_credentials');
    const refused = {
      code: 'invalid_credentials',
      status: 401,
      message: 'It is invalid_credentials.',
    };
    await expect(tab.session.enter('login', {})).rejects.toMatchObject(refused);
    server.trouble = offline;
    await expect(tab.session.leave()).rejects.toMatchObject({ code: 'network_error', status: 0 });
    await settle();
    expect(tab.users).toEqual([ADA]);
    expect(await tab.session.accessToken()).toBe(token);
  });

  test('registering signs nobody in where the email has to be verified first', async () => {
    const world = createWorld();
    world.server.signedIn = null;
    const tab = world.openTab();
    await world.settle();
    world.server.trouble = () => Response.json({}, { status: 202 });
    expect(await tab.session.enter('register', {})).toBeNull();
    expect(tab.users).toEqual([null]);
  });

  test('waits for a refresh under way, and the other way round', async () => {
    const { tab, server, run, sleep, openTab } = await signedIn();
    const other = openTab();
    await run(0);
    server.latency = 1_000;
    sleep(HOUR);
    const done = Promise.allSettled([
      other.session.accessToken(),
      tab.session.leave(),
      other.session.replace('x'),
      tab.session.enter('login', {}),
    ]);
    await run(10_000);
    await done;
    expect(server.atOnce).toBe(1);
    expect(server.calls.slice(2)).toEqual(['refresh', 'logout', 'login']);
    expect(tab.session.user()).toEqual(ADA);
    expect(other.session.user()).toEqual(ADA);
  });
});
