import { editDistance } from '../kit/edit-distance.ts';
import type { Environment, Source } from './source.ts';
import { VARIABLES, type VariableName } from './variables.ts';

/** How many letters a misspelling shares with the name's beginning at least. */
const SHARED_PREFIX = 2;
/** Names shorter than this allow one slip only: `HOME` is not a misspelt `HOST`. */
const LONG_NAME = 8;

/** Warns of variables that are none of ours but look as if they were meant to be. */
export function warnOfTypos(source: Source, env: Environment): void {
  const names = Object.keys(VARIABLES) as VariableName[];
  for (const given of Object.keys(env)) {
    if (!env[given] || given in VARIABLES) continue;
    const meant = names.find((name) => looksLike(given, name));
    if (meant) source.unknown(given, meant);
  }
}

function looksLike(given: string, name: string): boolean {
  const limit = name.length < LONG_NAME ? 1 : 2;
  return (
    Math.abs(given.length - name.length) <= limit &&
    given.slice(0, SHARED_PREFIX) === name.slice(0, SHARED_PREFIX) &&
    editDistance(given, name) <= limit
  );
}
