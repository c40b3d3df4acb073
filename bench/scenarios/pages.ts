import type { Browser, BrowserContext, Page } from 'playwright-core';
import { type Account, registerAccounts } from '../harness/api.ts';
import type { Bench } from '../harness/bench.ts';
import type { Goal, Result } from '../harness/result.ts';
import { type Spread, spread } from '../harness/statistics.ts';

/** First contentful paint, in milliseconds. */
const PAINT_GOAL = 300;
/** Interaction to next paint, in milliseconds. */
const INTERACTION_GOAL = 100;
const TODOS = 500;
/** Chromium reports no interaction that is shorter, in milliseconds. */
const SHORTEST = 16;
/** For the server's answer to an interaction, in milliseconds. */
const SETTLE = 200;

const PUBLIC = ['/', '/login', '/register', '/forgot-password', '/reset-password', '/verify-email'];
const OWN = ['/account', '/app'];

/** How soon each page is painted, and how soon the todo app after what one does with it. */
export async function measurePages(bench: Bench): Promise<Result> {
  const { server, plan } = bench;
  const [account] = await registerAccounts(server.port, 1);
  if (!account) throw new Error('nobody was registered');
  // Loads half of the server, which no other scenario needs in this process.
  const { launchBrowser } = await import('../../test/support/browser.ts');
  await using browser = await launchBrowser();
  const issuer = `http://localhost:${server.port}`;
  const visitor: Visitor = { browser, issuer, account };
  const paints: [path: string, cold: Spread, warm: Spread][] = [];
  for (const path of [...PUBLIC, ...OWN]) {
    const times: [cold: number, warm: number][] = [];
    for (let i = 0; i < plan.repetitions; i += 1) times.push(await paintsOf(visitor, path));
    const [cold, warm] = [times.map(([time]) => time), times.map(([, time]) => time)];
    paints.push([path, spread(cold), spread(warm)]);
  }
  const interactions = await measureInteractions(visitor, plan.repetitions);
  return {
    scenario: 'pages',
    rows: [],
    table: [
      ['', 'median ms', 'worst'],
      ...paints.flatMap(([path, cold, warm]) => [
        [`first paint of ${path}, cold`, ...figures(cold)],
        ['  again, files in the cache', ...figures(warm)],
      ]),
      ...interactions.map(([what, times]) => [`${TODOS} todos: ${what}`, ...figures(times)]),
    ],
    facts: [
      'from the start of the navigation to first-contentful-paint; cold: an empty cache, no connection',
      `interactions: the longest event duration that Chromium reports of each, ${SHORTEST} ms or less as ${SHORTEST}`,
      `${browser.version()}, headless, on the cores of the driver`,
    ],
    goals: [
      goal(
        `each page painted in under ${PAINT_GOAL} ms`,
        paints.map(([path, cold]) => [path, cold.median]),
        PAINT_GOAL,
      ),
      goal(
        `every interaction with ${TODOS} todos painted in under ${INTERACTION_GOAL} ms`,
        interactions.map(([what, { max }]) => [what, max]),
        INTERACTION_GOAL,
      ),
    ],
  };
}

interface Visitor {
  readonly browser: Browser;
  readonly issuer: string;
  readonly account: Account;
}

/** A browser that has never been here, but for being logged in. */
async function newContext({ browser, issuer, account }: Visitor): Promise<BrowserContext> {
  const context = await browser.newContext({ reducedMotion: 'reduce' });
  const { email, password } = account;
  const answer = await context.request.post(`${issuer}/api/auth/login`, {
    headers: { Origin: issuer },
    data: { email, password, delivery: 'cookie' },
  });
  if (!answer.ok()) throw new Error(`nobody was logged in: ${answer.status()}`);
  return context;
}

const PAINT = `new Promise((resolve) => {
  new PerformanceObserver((list) => {
    const [paint] = list.getEntriesByName('first-contentful-paint');
    if (paint) resolve(paint.startTime);
  }).observe({ type: 'paint', buffered: true });
})`;

/** When a page is painted that is opened for the first time, and for the second. */
async function paintsOf(visitor: Visitor, path: string): Promise<[cold: number, warm: number]> {
  const context = OWN.includes(path)
    ? await newContext(visitor)
    : await visitor.browser.newContext({ reducedMotion: 'reduce' });
  const open = async (): Promise<number> => {
    const page = await context.newPage();
    await page.goto(visitor.issuer + path);
    const time = await page.evaluate<number>(PAINT);
    await page.close();
    return time;
  };
  const times = [await open(), await open()] as [number, number];
  await context.close();
  return times;
}

const OBSERVE = `globalThis.longest = 0;
globalThis.note = (entries) => {
  for (const { interactionId, duration } of entries) {
    if (interactionId) globalThis.longest = Math.max(globalThis.longest, duration);
  }
};
globalThis.observer = new PerformanceObserver((list) => note(list.getEntries()));
observer.observe({ type: 'event', durationThreshold: ${SHORTEST} });`;

/** What people do in the app. */
const DEEDS: readonly (readonly [what: string, deed: (page: Page, i: number) => Promise<void>])[] =
  [
    [
      'type and add',
      async (page, i) => {
        await page.locator('#title').click();
        await page.keyboard.type(`Something new ${i}`);
        await page.keyboard.press('Enter');
      },
    ],
    [
      'tick',
      (page, i) =>
        page
          .locator('#todos input[type=checkbox]')
          .nth(40 * i)
          .click(),
    ],
    [
      'edit',
      async (page, i) => {
        await page
          .locator('#todos .edit')
          .nth(40 * i + 10)
          .click();
        await page.keyboard.type('Something else');
        await page.keyboard.press('Enter');
      },
    ],
    [
      'delete',
      (page, i) =>
        page
          .locator('#todos .delete')
          .nth(40 * i + 20)
          .click(),
    ],
    [
      'filter',
      async (page) => {
        for (const value of ['done', 'open', 'all']) {
          await page.locator(`#filters [value=${value}]`).click();
        }
      },
    ],
  ];

async function measureInteractions(
  visitor: Visitor,
  repetitions: number,
): Promise<[what: string, times: Spread][]> {
  await addTodos(visitor);
  const context = await newContext(visitor);
  const page = await context.newPage();
  await page.goto(`${visitor.issuer}/app`);
  const rows = page.locator('#todos li');
  for (let shown = 0; shown < TODOS; shown = await rows.count()) {
    await page.keyboard.press('End');
    await rows.nth(shown).waitFor({ state: 'attached' });
  }
  await page.evaluate(OBSERVE);
  const all: [string, Spread][] = [];
  for (const [what, deed] of DEEDS) {
    const times: number[] = [];
    for (let i = 0; i < repetitions; i += 1) {
      await page.evaluate('note(observer.takeRecords()); longest = 0');
      await deed(page, i);
      await page.waitForTimeout(SETTLE);
      const longest = await page.evaluate<number>('note(observer.takeRecords()); longest');
      times.push(Math.max(longest, SHORTEST));
    }
    all.push([what, spread(times)]);
  }
  await context.close();
  return all;
}

async function addTodos({ issuer, account }: Visitor): Promise<void> {
  for (let i = 0; i < TODOS; i += 1) {
    const response = await fetch(`${issuer}/api/users/me/todos`, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${account.accessToken}`,
        'Content-Type': 'application/json',
      },
      body: JSON.stringify({ title: `Something to do, the ${i}th` }),
    });
    if (response.status !== 201) throw new Error(`no todo was made: ${await response.text()}`);
  }
}

const figures = ({ median, max }: Spread): string[] => [median.toFixed(0), max.toFixed(0)];

/** A goal that the slowest of all has to reach. */
function goal(text: string, times: readonly [what: string, time: number][], limit: number): Goal {
  const [slowest = ['', Number.NaN] as const] = times.toSorted(([, a], [, b]) => b - a);
  const [what, time] = slowest;
  return {
    text: `pages: ${text}`,
    value: `${time.toFixed(0)} ms (${what})`,
    reached: time < limit,
  };
}
