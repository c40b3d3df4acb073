import { describe, expect, test } from 'vitest';
import type { User } from '../../src/client/token.ts';
import {
  ADA,
  BOB,
  createWorld,
  ISSUER,
  LIFETIME,
  problem,
  tokenOf,
} from '../support/browser-world.ts';

const HOUR = 3_600_000;

/** A tab of Ada's, beside pages that speak to it by its channel. */
async function beside() {
  const world = createWorld();
  const tab = world.openTab();
  await world.settle();
  const say = tab.platform.openChannel(`keyturn:${ISSUER}`, () => {});
  return { ...world, tab, say };
}

let issued = 100;
const answerTo = (user: User) =>
  Response.json({
    access_token: tokenOf(user, issued++),
    expires_in: LIFETIME / 1_000,
    refresh_expires_in: HOUR,
  });

/** What another tab that renewed or logged in tells. */
const newsOf = (user: User, askedAt: number) => ({
  text: tokenOf(user, issued++),
  lifetime: LIFETIME,
  sessionLifetime: 24 * HOUR,
  askedAt,
});

/** Lets a refresh begin, something happen, and then the answer come. */
async function during(
  { tab, server, settle }: Awaited<ReturnType<typeof beside>>,
  happen: () => void,
  answer: () => Response,
) {
  const { promise: late, resolve: answered } = Promise.withResolvers<void>();
  server.trouble = async () => {
    await late;
    server.trouble = undefined;
    return answer();
  };
  const renewed = tab.session.replace(await tab.session.accessToken());
  renewed.catch(() => {});
  await settle();
  happen();
  await settle();
  answered();
  await settle();
  return renewed;
}

describe('while a tab renews its token', () => {
  test.each([
    ['on a hosted page', true],
    ['in another tab', false],
  ])('somebody else logs in %s: the tab is theirs', async (_where, hosted) => {
    const world = await beside();
    const { tab, server, say } = world;
    const login = () => {
      server.signedIn = BOB;
      say(hosted ? { is: BOB.id } : newsOf(BOB, tab.platform.wall()));
    };
    await during(world, login, () => answerTo(ADA));
    expect(tab.session.user()).toEqual(BOB);
    expect(await tab.session.accessToken()).toContain(tokenOf(BOB, 0).slice(0, 100));
    expect(tab.reasons).toEqual([]);
  });

  test('somebody else logs in, which ends its session: nobody is told that all is over', async () => {
    const world = await beside();
    const other = world.openTab();
    const login = () => {
      world.server.signedIn = BOB;
      world.say(newsOf(BOB, world.tab.platform.wall()));
    };
    await during(world, login, () => problem(401, 'invalid_refresh_token'));
    for (const { session, reasons } of [world.tab, other]) {
      expect([session.user(), reasons]).toEqual([BOB, []]);
    }
  });

  test('somebody logs out: the answer that comes then brings nobody back', async () => {
    const world = await beside();
    const { tab, server, say } = world;
    const logout = () => {
      server.signedIn = null;
      say({ over: 'signed_out' });
    };
    const renewed = during(world, logout, () => answerTo(ADA));
    await expect(renewed).rejects.toMatchObject({ code: 'invalid_refresh_token' });
    expect(tab.users).toEqual([ADA, null]);
    expect(tab.reasons).toEqual(['signed_out']);
  });
});

test('a tab that was frozen is not content with old news', async () => {
  const { tab, server, say, sleep, settle } = await beside();
  const old = newsOf(ADA, tab.platform.wall() + LIFETIME / 2);
  const { promise: turn, resolve: goOn } = Promise.withResolvers<void>();
  void tab.platform.exclusively(`keyturn:${ISSUER}`, () => turn);
  sleep(2 * HOUR);
  const renewed = tab.session.accessToken();
  say(old);
  await settle();
  goOn();
  expect(await renewed).not.toBe(old.text);
  expect(server.calls).toEqual(['refresh', 'refresh']);
});

test('a page that comes back to life asks whether somebody has logged in meanwhile', async () => {
  const world = createWorld();
  world.server.signedIn = null;
  const tab = world.openTab();
  await world.settle();
  world.server.signedIn = ADA;
  tab.wake(true);
  await world.settle();
  expect(tab.users).toEqual([null, ADA]);
});
