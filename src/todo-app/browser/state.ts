import type { Versioned } from './requests.ts';

export type Filter = 'all' | 'open' | 'done';

/** A todo as it is shown: as it was last read, with what this tab has asked for since. */
export interface Shown {
  /** Stays the same from before the server has given an id. */
  readonly key: string;
  readonly title: string;
  readonly completed: boolean;
}

/** All that is shown. */
export interface State {
  readonly todos: readonly Shown[];
  readonly filter: Filter;
  /** Whether there are more to load. */
  readonly more: boolean;
  readonly loading: boolean;
  /** The title of a todo that was deleted and can still be brought back. */
  readonly deleted: string | undefined;
}

/** What tabs tell each other. */
export type News = { readonly changed: Versioned } | { readonly gone: string };
