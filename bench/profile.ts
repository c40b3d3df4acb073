import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The part of V8's CPU profile that is read here. */
interface Profile {
  readonly nodes: readonly ProfileNode[];
  /** The node that was running at each sample. */
  readonly samples: readonly number[];
  /** µs since the sample before. */
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    readonly lineNumber: number;
  };
  readonly children?: readonly number[];
}

const SHOWN = 40;

/**
 * Sums up a profile that `--profile` wrote: where the main thread's time went, by package or room,
 * by function alone, and by function of ours with all that it called. Work on other threads
 * (signatures, hashes) is not in it.
 */
function summarise({ nodes, samples, timeDeltas }: Profile): void {
  const self = new Map<number, number>();
  for (const [index, id] of samples.entries()) {
    self.set(id, (self.get(id) ?? 0) + (timeDeltas[index] ?? 0));
  }
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const [byGroup, byFunction, inclusive] = [tally(), tally(), tally()];

  function visit(node: ProfileNode, above: ReadonlySet<string>): number {
    const own = node.callFrame.functionName === '(idle)' ? 0 : (self.get(node.id) ?? 0);
    const name = nameOf(node);
    byGroup.add(groupOf(node), own);
    byFunction.add(name, own);
    const here = new Set(above).add(name);
    let total = own;
    for (const id of node.children ?? []) {
      const child = byId.get(id);
      if (child) total += visit(child, here);
    }
    // A function that calls itself counts once.
    if (name.includes('src/') && !name.includes('node_modules') && !above.has(name)) {
      inclusive.add(name, total);
    }
    return total;
  }
  const [root] = nodes;
  const active = root ? visit(root, new Set()) : 0;
  console.log(`active for ${(active / 1e6).toFixed(2)} s on the main thread`);
  byGroup.print('by package or room, alone', active);
  byFunction.print('by function, alone', active);
  inclusive.print('by function of ours, with what it called', active);
}

function tally() {
  const sums = new Map<string, number>();
  return {
    add: (name: string, micros: number) => sums.set(name, (sums.get(name) ?? 0) + micros),
    print(title: string, active: number) {
      console.log(`\n${title}`);
      const sorted = [...sums].sort(([, a], [, b]) => b - a).slice(0, SHOWN);
      for (const [name, micros] of sorted) {
        if (micros > 0)
          console.log(`${((100 * micros) / active).toFixed(1).padStart(6)} %  ${name}`);
      }
    },
  };
}

function nameOf({ callFrame: { functionName, url, lineNumber } }: ProfileNode): string {
  const name = functionName || '(anonymous)';
  return url === '' ? name : `${name}  ${shorten(url)}:${lineNumber + 1}`;
}

function groupOf({ callFrame: { functionName, url } }: ProfileNode): string {
  if (url === '') return functionName.startsWith('(') ? functionName : '(native)';
  const short = shorten(url);
  const dependency = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(short)?.[1];
  return dependency ?? short.replace(/\/[^/]*$/, '');
}

function shorten(url: string): string {
  const path = url.startsWith('file:') ? fileURLToPath(url) : url;
  return path.replace(`${fileURLToPath(new URL('..', import.meta.url))}`, '');
}

const [file] = process.argv.slice(2);
if (file === undefined) console.error('npx node bench/profile.ts FILE.cpuprofile');
else summarise(JSON.parse(readFileSync(file, 'utf8')) as Profile);
