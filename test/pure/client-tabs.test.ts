import { describe, expect, test } from 'vitest';
import { ADA, BOB, createWorld, ISSUER, LIFETIME, offline } from '../support/browser-world.ts';

const TEN = Array.from({ length: 10 });

describe('ten tabs', () => {
  test('loaded at once over a slow network ask once', async () => {
    const world = createWorld();
    world.server.latency = 3_000;
    const tabs = TEN.map(() => world.openTab());
    await world.run(3_000);
    expect(tabs.map(({ users }) => users)).toEqual(TEN.map(() => [ADA]));
    expect(world.refreshes()).toBe(1);
  });

  test('loaded at once, and hearing of each other too late, ask one after the other', async () => {
    const world = createWorld();
    world.server.latency = 100;
    world.post.late = true;
    const tabs = TEN.map(() => world.openTab());
    await world.run(10_000);
    expect(tabs.map(({ users }) => users)).toEqual(TEN.map(() => [ADA]));
    expect(world.server.atOnce).toBe(1);
    expect(world.refreshes()).toBeLessThanOrEqual(10);
  });

  test('without a session all learn it by one question', async () => {
    const world = createWorld();
    Object.assign(world.server, { signedIn: null, latency: 3_000 });
    const tabs = TEN.map(() => world.openTab());
    await world.run(3_000);
    expect(tabs.map(({ reasons }) => reasons)).toEqual(TEN.map(() => ['none']));
    expect(world.refreshes()).toBe(1);
  });

  test('renew once an expiry, a whole day long', async () => {
    const world = createWorld();
    const tabs = TEN.map(() => world.openTab());
    await world.run(24 * 3600 * 1_000);
    expect(world.refreshes()).toBeLessThanOrEqual((24 * 3600 * 1_000) / (LIFETIME - 90_000) + 1);
    const tokens = await Promise.all(tabs.map(({ session }) => session.accessToken()));
    expect(new Set(tokens).size).toBe(1);
    expect(tabs.map(({ users }) => users)).toEqual(TEN.map(() => [ADA]));
  });

  test('outlive an outage that is longer than their token', async () => {
    const world = createWorld();
    const tabs = TEN.map(() => world.openTab());
    await world.settle();
    world.server.trouble = offline;
    await world.run(2 * LIFETIME);
    world.server.trouble = undefined;
    await world.run(2 * 60_000);
    await Promise.all(tabs.map(({ session }) => session.accessToken()));
    expect(tabs.map(({ users }) => users)).toEqual(TEN.map(() => [ADA]));
  });

  test('renew once when a page says that the session is somebody else’s, and only then', async () => {
    const world = createWorld();
    const tabs = TEN.map(() => world.openTab({ visible: false }));
    await world.settle();
    const page = tabs[0]?.platform.openChannel(`keyturn:${ISSUER}`, () => {});
    page?.({ is: ADA.id });
    await world.settle();
    expect(world.refreshes()).toBe(1);
    world.server.signedIn = BOB;
    page?.({ is: BOB.id });
    await world.settle();
    expect(tabs.map(({ users }) => users)).toEqual(TEN.map(() => [ADA, BOB]));
    expect(world.refreshes()).toBe(2);
  });

  test('of which one finds no session do not lose theirs', async () => {
    const world = createWorld();
    const tab = world.openTab();
    await world.settle();
    world.server.signedIn = null;
    const late = world.openTab();
    await world.settle();
    expect(late.reasons).toEqual(['none']);
    expect(tab.reasons).toEqual([]);
    await tab.session.leave();
    await world.settle();
    expect(tab.reasons).toEqual(['signed_out']);
    // There is nothing new in that for the other.
    expect(late.reasons).toEqual(['none']);
    expect(late.users).toEqual([null]);
  });
});
