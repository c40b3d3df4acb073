import { explain, quote, type Request, type Todo } from './requests.ts';
import type { Filter, News, State } from './state.ts';

export interface TodosDeps {
  readonly request: Request;
  show(state: State): void;
  /** Something did not come to be, and is shown as it was before. */
  apologise(text: string): void;
  /** A new title was not taken, what is there is `found`: it can be changed or sent again. */
  reopen(key: string, title: string, found: string): void;
  /** A todo did not come to be: its title can be sent again. */
  giveBack(title: string): void;
  tell(news: News): void;
}

type Change = { title?: string; completed?: boolean; deleted?: true };

interface Entry {
  readonly key: string;
  saved: Todo | undefined;
  /** Known once the todo was answered alone: lists carry no ETag. */
  etag: string | undefined;
  /** Asked for and not answered yet; dropping one rolls it back. */
  changes: Change[];
  /** The changes of one todo are sent one after the other. */
  turn: Promise<void>;
}

const PAGE = 100;

/** The todos of a user: shows at once what is asked for, and takes back what fails. */
export function createTodos({ request, show, apologise, reopen, giveBack, tell }: TodosDeps) {
  const entries = new Map<string, Entry>();
  /** How far each filter is loaded: undefined not at all, null to the end, else down to this id. */
  const loadedTo: Record<Filter, string | null | undefined> = {
    all: undefined,
    open: undefined,
    done: undefined,
  };
  let filter: Filter = 'all';
  let loading = false;
  let deletion: { entry: Entry; change: Change } | undefined;
  let added = 0;

  const now = ({ saved, changes }: Entry): Todo & Change =>
    Object.assign({ id: '', title: '', completed: false }, saved, ...changes);

  const fits = ({ id, completed, deleted }: Todo & Change) => {
    const end = loadedTo[filter];
    if (deleted || (id !== '' && end && id < end)) return false;
    return filter === 'all' || completed === (filter === 'done');
  };

  /** The newest first: ids are in the order of time, and what has none yet is newer. */
  const byAge = (a: Entry, b: Entry) => {
    const [x, y] = [a.saved?.id ?? `~${a.key}`, b.saved?.id ?? `~${b.key}`];
    return x < y ? 1 : -1;
  };

  function update(): void {
    const todos = [...entries.values()].filter((entry) => fits(now(entry))).sort(byAge);
    show({
      todos: todos.map((entry) => ({ key: entry.key, ...now(entry) })),
      filter,
      more: loadedTo[filter] !== null,
      loading,
      deleted: deletion && now(deletion.entry).title,
    });
  }

  const find = (id: string) => [...entries.values()].find((entry) => entry.saved?.id === id);

  function keep({ todo, etag }: { todo: Todo; etag?: string | undefined }, own?: Entry): Entry {
    const entry = own ??
      entries.get(todo.id) ??
      find(todo.id) ?? { key: todo.id, saved: todo, etag, changes: [], turn: Promise.resolve() };
    const twin = own && find(todo.id);
    if (twin && twin !== own) entries.delete(twin.key);
    entry.saved = todo;
    entry.etag = etag;
    entries.set(entry.key, entry);
    return entry;
  }

  /** Shows a change, sends it in its turn, and drops it again: by then it is saved, or refused. */
  function change(entry: Entry, wanted: Change, send: (title: string) => Promise<void>): void {
    const title = now(entry).title || (wanted.title ?? '');
    if (!entry.changes.includes(wanted)) entry.changes.push(wanted);
    update();
    entry.turn = entry.turn.then(async () => {
      try {
        // A todo that could not be added cannot be changed either.
        if (entries.has(entry.key)) await send(title);
      } catch (error) {
        if ((error as { status?: number }).status === 404) entries.delete(entry.key);
        apologise(`${quote(title)} ${explain(error)}`);
      }
      entry.changes = entry.changes.filter((other) => other !== wanted);
      update();
    });
  }

  async function patch(entry: Entry, body: object, etag?: string): Promise<void> {
    const headers = etag === undefined ? {} : { 'If-Match': etag };
    const changed = await request('PATCH', `/${entry.saved?.id}`, body, headers);
    keep(changed, entry);
    tell({ changed });
  }

  const reload = async (entry: Entry) =>
    keep(await request('GET', `/${entry.saved?.id}`), entry).saved?.title;

  /** Neither title is lost: one is said, and the other is in the field, to be sent once more. */
  function contest({ key }: Entry, title: string, found = ''): void {
    if (found === title) return;
    apologise(`“${found}” was saved elsewhere meanwhile. Enter replaces it, Escape leaves it.`);
    reopen(key, title, found);
  }

  const todos = {
    /** Loads the next page of what the filter shows. */
    async load(): Promise<void> {
      const wanted = filter;
      const end = loadedTo[wanted];
      if (loading || end === null) return;
      loading = true;
      update();
      try {
        const query = new URLSearchParams({ limit: String(PAGE) });
        if (end !== undefined) query.set('cursor', end);
        if (wanted !== 'all') query.set('completed', String(wanted === 'done'));
        const page = await request('GET', `?${query}`);
        for (const todo of page.todos) keep({ todo, etag: find(todo.id)?.etag });
        loadedTo[wanted] = page.next_cursor;
      } catch (error) {
        apologise(`The todos ${explain(error)}`);
      }
      loading = false;
      update();
      if (filter !== wanted && loadedTo[filter] === undefined) await todos.load();
    },

    choose(next: Filter): void {
      filter = next;
      update();
      if (loadedTo[next] === undefined) void todos.load();
    },

    add(title: string): void {
      const key = `new-${String(added++).padStart(6, '0')}`;
      const turn = Promise.resolve();
      const entry: Entry = { key, saved: undefined, etag: undefined, changes: [], turn };
      entries.set(key, entry);
      change(entry, { title }, async () => {
        const changed = await request('POST', '', { title }).catch((error) => {
          entries.delete(key);
          giveBack(title);
          throw error;
        });
        keep(changed, entry);
        tell({ changed });
      });
    },

    tick(key: string, completed: boolean): void {
      const entry = entries.get(key);
      if (entry) change(entry, { completed }, () => patch(entry, { completed }));
    },

    /** Renames what was called `from` when the editing began: nobody else's change is lost. */
    rename(key: string, from: string, title: string): void {
      const entry = entries.get(key);
      if (!entry || title === from) return;
      change(entry, { title }, async () => {
        try {
          const found = entry.etag ? entry.saved?.title : await reload(entry);
          if (found !== from) return contest(entry, title, found);
          await patch(entry, { title }, entry.etag).catch(async (error) => {
            if (error.status !== 412) throw error;
            contest(entry, title, await reload(entry));
          });
        } catch (error) {
          reopen(key, title, from);
          throw error;
        }
      });
    },

    /** Takes a todo away; it can be brought back until the next one goes, or `settle`. */
    remove(key: string): void {
      todos.settle();
      const entry = entries.get(key);
      if (!entry) return;
      deletion = { entry, change: { deleted: true } };
      entry.changes.push(deletion.change);
      update();
    },

    restore(): void {
      if (!deletion) return;
      const { entry, change: taken } = deletion;
      entry.changes = entry.changes.filter((other) => other !== taken);
      deletion = undefined;
      update();
    },

    /** Deletes for good what was taken away. */
    settle(): void {
      if (!deletion) return;
      const { entry, change: taken } = deletion;
      deletion = undefined;
      change(entry, taken, async () => {
        const { saved: todo, etag } = entry;
        if (!todo) return;
        // Said first: a page that goes will not hear the answer.
        tell({ gone: todo.id });
        try {
          await request('DELETE', `/${todo.id}`, undefined, {}, { keepalive: true });
        } catch (error) {
          tell({ changed: { todo, etag } });
          throw error;
        }
        entries.delete(entry.key);
      });
    },

    /** Resolves when all that was asked for is answered; what was taken away is deleted for good. */
    async finish(): Promise<void> {
      todos.settle();
      await Promise.all([...entries.values()].map(({ turn }) => turn));
    },

    /** Another tab has changed something. */
    hear(news: News): void {
      if ('changed' in news) keep(news.changed);
      else entries.delete(find(news.gone)?.key ?? '');
      update();
    },
  };
  return todos;
}
