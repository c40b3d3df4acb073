import assert from 'node:assert/strict';
import fc from 'fast-check';
import { after, elapsed, milliseconds } from '../../src/kit/duration.ts';
import { type Outcome, refresh } from './session-model.ts';
import { failover, gap } from './session-runs.ts';
import {
  hashOf,
  loseCommits,
  newWorld,
  open,
  type Token,
  WINDOW,
  type World,
} from './session-table.ts';

/** A tab that reads the cookie, asks, and writes the cookie it is given. */
export interface Tab {
  /** Milliseconds since the tab before was opened. */
  readonly gap: number;
  /**
   * When its request goes on, in milliseconds since it read the cookie, ascending: at each but the
   * last there is a statement, at the last the answer is there.
   */
  readonly steps: readonly number[];
  /** Whether its answer is lost; that of a recovery never is. */
  readonly lost: boolean;
  /** So many changes the database loses, and all that is under way with it, when the tab opens. */
  readonly failover: number | null;
}

/** Tabs whose requests take `longest` at most, from reading the cookie to writing it. */
export const tabs = (longest: number): fc.Arbitrary<Tab[]> =>
  fc.array(
    fc.record({
      gap: fc.oneof(
        { weight: 4, arbitrary: fc.nat(longest) },
        { weight: 1, arbitrary: fc.integer({ min: WINDOW - 2 * longest, max: WINDOW }) },
        { weight: 1, arbitrary: gap },
      ),
      steps: fc
        .array(fc.oneof(fc.nat(longest), fc.constantFrom(0, longest)), {
          minLength: 6,
          maxLength: 6,
        })
        .map((steps) => steps.sort((a, b) => a - b)),
      lost: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, fc.boolean()),
      failover,
    }),
    { maxLength: 40, size: 'max' },
  );

/** How the tabs of a browser live together. */
export interface Browser {
  readonly tabs: readonly Tab[];
  readonly failovers: boolean;
  /** No tab opens on a consumed cookie so long before the end of the window of its rotation. */
  readonly caution: number;
}

interface Event {
  readonly at: Date;
  readonly happen: () => void;
}

/**
 * Runs the tabs of one browser, which share one cookie; answers come in any order, the last one
 * written stays.
 * @param see is told of each answer as it is made
 */
export function browse(
  browser: Browser,
  see: (outcome: Outcome, token: Token, world: World) => void,
): void {
  const world = newWorld();
  const events: Event[] = [];
  const jar = { token: open(world, 'alice') };
  let epoch = 0;

  const later = (by: number, happen: () => void): void => {
    const at = after(world.now, milliseconds(by));
    const behind = events.findIndex((event) => event.at > at);
    events.splice(behind < 0 ? events.length : behind, 0, { at, happen });
  };

  const openTab = (index: number): void => {
    const tab = browser.tabs[index];
    if (!tab) return;
    const pause = patience(world, jar.token, browser.caution);
    if (pause > 0) {
      later(pause, () => openTab(index));
      return;
    }
    if (browser.failovers && tab.failover !== null) {
      loseCommits(world, tab.failover);
      epoch++;
    }
    ask(tab, epoch);
    later(browser.tabs[index + 1]?.gap ?? 0, () => openTab(index + 1));
  };

  const ask = (tab: Tab, started: number): void => {
    const read = jar.token;
    const steps = refresh(world, read, 'cookie');
    const [first = 0, ...rest] = tab.steps;
    const answered = rest.pop() ?? first;
    const proceed = (at: number): void => {
      if (epoch !== started) return;
      const step = steps.next();
      const next = rest.shift() ?? at;
      if (!step.done) {
        later(next - at, () => proceed(next));
        return;
      }
      see(step.value, read, world);
      const outcome = step.value;
      if (!('token' in outcome) || (tab.lost && outcome.kind !== 'recovered')) return;
      later(answered - at, () => {
        jar.token = outcome.token;
      });
    };
    later(first, () => proceed(first));
  };

  later(browser.tabs[0]?.gap ?? 0, () => openTab(0));
  for (let event = events.shift(); event; event = events.shift()) {
    assert(event.at >= world.now);
    world.now = event.at;
    event.happen();
  }
}

/** How long to wait with a consumed cookie, so as not to ask at the very end of its window. */
function patience(world: World, token: Token, caution: number): number {
  const row = world.rows.get(token.sessionId);
  if (!row || row.currentHash === hashOf(token)) return 0;
  const left = WINDOW - elapsed(row.rotatedAt, world.now);
  return left <= caution ? Math.max(0, left) : 0;
}
