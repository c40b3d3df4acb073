import { describe, expect, test } from 'vitest';
import { ADA, createWorld, LIFETIME, problem } from '../support/browser-world.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** What proxies answer in a service's place. */
const FOREIGN: readonly (readonly [string, () => Response])[] = [
  ['a 401 in HTML', () => new Response('<h1>Who are you?</h1>', { status: 401 })],
  ['a 401 with a code of its own', () => problem(401, 'UNAUTHENTICATED')],
  ['a 200 in HTML', () => new Response('<h1>Welcome to our Wi-Fi</h1>')],
  ['a 200 in JSON', () => Response.json({ status: 'maintenance' })],
  ['a 200 that is null', () => Response.json(null)],
  ['a 204', () => new Response(null, { status: 204 })],
  ['a token without a time', () => Response.json({ access_token: 'e30.e30.x' })],
];

describe.each(FOREIGN)('%s, which is not Keyturn’s', (_what, answer) => {
  test('is no logout', async () => {
    const world = createWorld();
    const tab = world.openTab();
    await world.settle();
    world.server.trouble = answer;
    world.sleep(HOUR);
    await expect(tab.session.accessToken()).rejects.toMatchObject({ name: 'KeyturnError' });
    await world.run(LIFETIME);
    expect([tab.users, tab.reasons]).toEqual([[ADA], []]);
    world.server.trouble = undefined;
    await world.run(2 * MINUTE);
    expect(await tab.session.accessToken()).toMatch(/^e30\./);
  });

  test('at the start is asked past, ever more seldom', async () => {
    const world = createWorld();
    world.server.trouble = answer;
    const tab = world.openTab();
    await world.run(10 * MINUTE);
    expect(tab.session.user()).toBeUndefined();
    expect(world.refreshes()).toBeLessThan(20);
    world.server.trouble = undefined;
    await world.run(2 * MINUTE);
    expect(tab.users).toEqual([ADA]);
  });

  test('neither logs in nor out', async () => {
    const world = createWorld();
    const tab = world.openTab();
    await world.settle();
    world.server.trouble = answer;
    for (const call of ['login', 'register'] as const) {
      await expect(tab.session.enter(call, {})).rejects.toMatchObject({ name: 'KeyturnError' });
    }
    if (answer().status !== 204) {
      await expect(tab.session.leave()).rejects.toMatchObject({ name: 'KeyturnError' });
    }
    expect(tab.session.user()).toEqual(ADA);
  });
});

test('what is not Keyturn’s is told from what did not come', async () => {
  const world = createWorld();
  const tab = world.openTab();
  await world.settle();
  world.server.trouble = () => new Response('<h1>Welcome to our Wi-Fi</h1>');
  const foreign = { code: 'unexpected_answer', status: 200 };
  await expect(tab.session.enter('login', {})).rejects.toMatchObject(foreign);
  const cut = new ReadableStream({ pull: (controller) => controller.error(new TypeError('cut')) });
  world.server.trouble = () => new Response(cut);
  const gone = { code: 'network_error', status: 0 };
  await expect(tab.session.enter('login', {})).rejects.toMatchObject(gone);
});

test('a token of the last second of a session is one', async () => {
  const world = createWorld();
  world.server.sessionLifetime = 0;
  const tab = world.openTab();
  await world.settle();
  expect([tab.users, tab.reasons]).toEqual([[ADA], []]);
  expect(await tab.session.accessToken()).toMatch(/^e30\./);
});
