import { posix } from 'node:path';
import {
  COMPUTED,
  DOORS,
  EFFECTS,
  ENTRIES,
  FLOORS,
  KEEPERS,
  LONGEST,
  type Place,
  PURE,
  PURE_BUILTINS,
  SQL,
  STRANGERS,
} from './house.ts';
import { type Import, readSource, type SourceFile } from './source-file.ts';

/**
 * Holds source files to the tables of `house.ts`. Takes code by path (`src/kit/clock.ts`); answers
 * one line a fault, none when the house is in order. Throws when there is nothing to look at.
 */
export function faultsOf(sources: ReadonlyMap<string, string>): string[] {
  const files = [...sources].map(([path, code]) => readSource(path, code));
  if (!files.some((file) => file.imports.length > 0)) throw new Error('no imports found: no proof');
  return files.flatMap((file) => {
    const imports = file.imports.flatMap((entry) =>
      faultsOfImport(file.path, entry, sources).map((fault) => `${entry.line}: ${fault}`),
    );
    const faults = [...faultsOfShape(file), ...imports, ...faultsOfContent(file)];
    return faults.map((fault) => `${file.path}:${fault}`);
  });
}

function faultsOfShape({ path, lines, exports, errors }: SourceFile): string[] {
  const faults = errors.map((error) => `1: does not parse: ${error}`);
  if (floorOf(path) === undefined) faults.push('1: in no room of the house');
  if (lines > LONGEST) faults.push(`${lines}: over ${LONGEST} lines`);
  if (!path.split('/').every((name) => /^[a-z0-9]+([-.][a-z0-9]+)*$/.test(name))) {
    faults.push('1: not kebab-case');
  }
  if (/(^|[/-])(util|manager|service|helper)s?([-./]|$)/.test(path)) {
    faults.push('1: a name that says nothing');
  }
  for (const { text, line } of exports) {
    if (text === 'default') faults.push(`${line}: a default export`);
    if (/(util|manager|service|helper)s?$/i.test(text)) {
      faults.push(`${line}: a name that says nothing: ${text}`);
    }
  }
  const passed = exports.filter((entry) => entry.from);
  const wholesale = passed.some(({ text }) => text === '*');
  if (wholesale || (passed[0] && passed.length === exports.length && !isIn(path, ENTRIES))) {
    faults.push(`${passed[0]?.line}: a barrel`);
  }
  return faults;
}

function faultsOfImport(path: string, entry: Import, sources: ReadonlyMap<string, string>) {
  const { specifier, typeOnly, names } = entry;
  if (specifier === undefined) {
    return isIn(path, COMPUTED) ? [] : ['an import that is computed'];
  }
  const faults: string[] = [];
  const relative = /^\.{1,2}(\/|$)/.test(specifier);
  const target = relative ? sourceOf(posix.join(posix.dirname(path), specifier)) : specifier;

  if (relative) {
    if (!/\.(ts|js)$/.test(specifier)) faults.push(`imports ${specifier} without .ts`);
    else if (!sources.has(target)) faults.push(`imports ${target}, which is not there`);
    else faults.push(...faultsOfWall(path, target));
  } else if (specifier.startsWith('node:')) {
    if (specifier === 'node:process') faults.push('imports node:process, past the walls');
    if (isIn(path, ['src/client/'])) faults.push(`the browser has no ${specifier}`);
  } else {
    const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
    const doors = Object.hasOwn(DOORS, name) ? DOORS[name] : undefined;
    if (!doors) faults.push(`imports ${name}, which has no door in this house`);
    else if (!isIn(path, doors)) faults.push(`imports ${name}, whose door is ${doors.join(', ')}`);
  }

  if (isIn(path, PURE) && !typeOnly && !isIn(target, PURE)) {
    const allowed = PURE_BUILTINS[target] ?? [];
    const calculates = names.length > 0 && names.every((name) => allowed.includes(name));
    if (!calculates) faults.push(`pure, but imports ${target}`);
  }
  return faults;
}

/** What of `dist/` a source became when packed is that source. */
const sourceOf = (path: string): string => path.replace(/^dist\/(.*)\.js$/, '$1.ts');

function faultsOfWall(path: string, target: string): string[] {
  const [own, other] = [floorOf(path), floorOf(target)];
  if (!own || !other) return [`imports ${target}, from or into no room`];
  const wall = STRANGERS.find(([from, to]) => isIn(path, [from]) && isIn(target, [to]));
  if (wall) return [`${wall[0]} never imports ${wall[1]}: ${target}`];
  if (own.room === other.room || own.height > other.height) return [];
  const which = own.height === other.height ? 'a stranger on the same floor' : 'a higher floor';
  return [`imports ${target}, ${which}`];
}

function faultsOfContent({ path, globals, calls, texts }: SourceFile): string[] {
  const faults: string[] = [];
  for (const { text, line } of globals) {
    const name = text.replace(/^globalThis\./, '');
    const keepers = Object.entries(KEEPERS).filter(([kept]) => reaches(name, kept));
    const effects = EFFECTS.filter((effect) => reaches(name, effect) || reaches(effect, name));
    if (isIn(path, PURE) && effects.length > 0) {
      faults.push(`${line}: pure, but uses ${text}`);
    } else if (keepers.some(([, places]) => !isIn(path, places))) {
      faults.push(`${line}: uses ${text}`);
    }
  }
  if (isIn(path, SQL)) return faults;
  const written = texts.filter(({ text }) => STATEMENT.test(text));
  const built = calls.filter(({ text }) => BUILDERS.includes(text));
  return [
    ...faults,
    ...[...written, ...built].map(({ line }) => `${line}: SQL outside of a store`),
  ];
}

/** `process.env` is reached by its name, by a call, and by a bare `process` that is handed on. */
function reaches(name: string, kept: string): boolean {
  const owner = kept.includes('.') ? kept.slice(0, kept.indexOf('.')) : undefined;
  return name === kept || name === `${kept}()` || name === owner;
}

const BUILDERS = ['selectFrom', 'insertInto', 'updateTable', 'deleteFrom', 'mergeInto'];
const STATEMENT =
  /^\s*(select\s[\s\S]*\sfrom|insert\s+into|update\s+\S+\s+set|delete\s+from|with\s+\S+\s+as|truncate|(create|alter|drop)\s+table)\s/i;

function floorOf(path: string): { height: number; room: readonly Place[] } | undefined {
  for (const [depth, floor] of FLOORS.entries()) {
    const room = floor.find((places) => isIn(path, places));
    if (room) return { height: -depth, room };
  }
  return undefined;
}

function isIn(path: string, places: readonly Place[]): boolean {
  return places.some((place) => {
    if (place.endsWith('/')) return path.startsWith(place);
    if (place.includes('/')) return path === place;
    return path.endsWith(`/${place}`) || path.endsWith(`-${place}`);
  });
}
