import { activeKey, type KeyPolicy, publishedKeys } from '../../src/issuer/keys/life-cycle.ts';
import { decide } from '../../src/issuer/keys/machine.ts';
import { letters } from '../../src/issuer/keys/rehearsal/key-table.ts';
import type { RehearsalEvent, RehearsalPlan } from '../../src/issuer/keys/rehearsal/plan.ts';
import type { VerifierKind } from '../../src/issuer/keys/verifiers.ts';
import type { Kid } from '../../src/kit/id.ts';
import { applyChange, type KeyTable } from './key-table.ts';

/** The first and the last second in which a verifier refuses honest tokens, by kid and cause. */
export type RefusedSeconds = Record<string, [first: number, last: number]>;

interface Scene {
  readonly policy: KeyPolicy;
  readonly plan: RehearsalPlan;
  /** How far the clock is ahead that records the nth change, in seconds. */
  readonly writer: (nth: number) => number;
  /** How far replicas' clocks are ahead and how old their keys may be, in seconds. */
  readonly clocks: readonly number[];
  readonly lags: readonly number[];
  /** How long to watch, in seconds. */
  readonly watched: number;
}

const at = (second: number): Date => new Date(second * 1000);
const toSeconds = (duration: number): number => duration / 1000;
const range = (first: number, last: number): number[] =>
  Array.from({ length: Math.max(0, last - first + 1) }, (_, n) => first + n);

/** What replicas show in one second: who signs on any, and which keys are lacking on any, and why. */
interface Second {
  readonly signs: ReadonlySet<Kid>;
  readonly lacks: ReadonlyMap<Kid, ReadonlySet<string>>;
}

/** Steps through a plan second by second, and tries every token on every state of a verifier. */
export function rehearseByHand(scene: Scene, verifier: VerifierKind): RefusedSeconds {
  const { policy, watched } = scene;
  const { tables, revokedAt } = playBySeconds(scene);
  const kids =
    tables
      .at(-1)
      ?.at(-1)
      ?.map(({ kid }) => kid) ?? [];
  const seen = range(0, watched).map((second) => look(scene, tables, kids, second));

  const kept = typeof verifier.keeps === 'number' ? verifier.keeps : policy.jwksMaxAge;
  const age = verifier.refetchesOnUnknownKid ? Math.min(kept, verifier.cooldown) : kept;
  const oldest = toSeconds(age + policy.jwksMaxAge + verifier.cdnAge);
  const life = policy.accessTokenTtl + (verifier.clockSkew ?? policy.clockSkew);
  const found: RefusedSeconds = {};
  for (const kid of kids) {
    let signed = Number.NEGATIVE_INFINITY;
    const end = Math.min(watched, (revokedAt.get(kid) ?? Number.POSITIVE_INFINITY) - 1);
    for (const second of range(0, end)) {
      if (seen[second]?.signs.has(kid)) signed = second;
      // A token of a second's end lives a little longer than one of its beginning.
      if (second * 1000 >= signed * 1000 + 999 + life) continue;
      for (const fetched of range(Math.max(0, second - oldest), second)) {
        for (const cause of seen[fetched]?.lacks.get(kid) ?? []) {
          const name = `${kid} ${cause}`;
          found[name] = [found[name]?.[0] ?? second, second];
        }
      }
    }
  }
  return found;
}

function look(
  { policy, clocks, lags }: Scene,
  tables: readonly KeyTable[][],
  kids: readonly Kid[],
  second: number,
): Second {
  const signs = new Set<Kid>();
  const lacks = new Map(kids.map((kid) => [kid, new Set<string>()]));
  const oldest = Math.max(...lags);
  for (const lag of lags.filter((lag) => lag <= second)) {
    const committed = tables[second - lag] ?? [];
    // What a later commit of the same second replaced was a little older than what it left.
    for (const table of lag === oldest && lag > 0 ? committed.slice(-1) : committed) {
      const known = new Set(table.map(({ kid }) => kid));
      for (const clock of clocks) {
        const active = activeKey(table, policy, at(second + clock));
        if (active) signs.add(active.kid);
        const served = new Set(
          publishedKeys(table, policy, at(second + clock)).map(({ kid }) => kid),
        );
        for (const [kid, causes] of lacks) {
          if (!served.has(kid)) causes.add(known.has(kid) ? 'gone' : 'unseen');
        }
      }
    }
  }
  return { signs, lacks };
}

/** The tables of each second, one after another, by the machine's decisions alone. */
function playBySeconds({ policy, plan, writer, watched }: Scene) {
  const tables: KeyTable[][] = [];
  let committed: KeyTable[] = [];
  const revokedAt = new Map<Kid, number>();
  let waiting = [...plan.events];
  let table: KeyTable = [];
  let changes = 0;
  let stopped = -1;
  const run = (command: Parameters<typeof decide>[0], second: number): boolean => {
    const clock = at(second + writer(changes));
    const decision = decide(command, table, policy, clock);
    if (decision.kind !== 'change') return decision.kind !== 'refuse';
    table = applyChange(table, decision, () => {
      const kid = letters(table.length + made++) as Kid;
      return { kid, publishedAt: clock, maxTokenTtl: policy.accessTokenTtl };
    });
    made = 0;
    committed.push(table);
    changes += 1;
    for (const { kid, revokedAt: date } of table) {
      if (date && !revokedAt.has(kid)) revokedAt.set(kid, second);
    }
    return true;
  };
  let made = 0;
  const tick = (second: number): void => {
    if (second < stopped) return;
    for (let before = -1; before !== changes; ) {
      before = changes;
      run({ kind: 'tick' }, second);
    }
  };
  /** Whether an event is over and done with. */
  const take = (event: RehearsalEvent, second: number): boolean => {
    if (event.do === 'stop') stopped = Math.max(stopped, second + toSeconds(event.length));
    if (event.do === 'rotate') {
      const done = run({ kind: 'rotate', ifDue: event.ifDue, force: event.force }, second);
      return done || !event.whenSafe;
    }
    if (event.do === 'revoke' && event.key === 'active') {
      const [active] = publishedKeys(table, policy, at(second + writer(changes)));
      const immediately = event.immediately;
      if (active) run({ kind: 'revoke', kid: active.kid, immediately }, second);
    }
    return true;
  };
  for (const second of range(0, watched)) {
    const running = second <= toSeconds(plan.length);
    if (running) tick(second);
    const due = running ? waiting.filter((event) => event.at <= second * 1000) : [];
    waiting = waiting.filter((event) => !due.includes(event));
    let pending = due;
    for (let before = -1; before !== changes; ) {
      before = changes;
      pending = pending.filter((event) => !take(event, second));
      if (running) tick(second);
    }
    waiting = [...pending, ...waiting];
    tables.push(committed);
    committed = [table];
  }
  return { tables, revokedAt };
}
