import type { User } from '../../client/keyturn.ts';
import { find } from './find.ts';
import { quote } from './requests.ts';
import { createRows, type RowActions } from './rows.ts';
import type { Filter, State } from './state.ts';

/** What people can do here. */
export interface Actions extends RowActions {
  add(title: string): void;
  choose(filter: Filter): void;
  load(): void;
  restore(): void;
  settle(): void;
  logout(): void;
}

/** How long a deleted todo can be brought back, in milliseconds; longer while the button is used. */
const UNDO_TIME = 8_000;
/** How long what went wrong is shown, in milliseconds. */
const APOLOGY_TIME = 20_000;
const NOTHING = {
  all: 'Nothing here yet. What is the first thing?',
  open: 'Nothing is open. Well done.',
  done: 'Nothing is done yet.',
};

/** The page: shows the state, and calls the actions. */
export function createView(actions: Actions) {
  const list = find(document, '#todos', HTMLUListElement);
  const form = find(document, '#add', HTMLFormElement);
  const title = find(form, 'input', HTMLInputElement);
  const filters = document.querySelectorAll<HTMLButtonElement>('#filters button');
  const more = find(document, '#more', HTMLButtonElement);
  const empty = find(document, '#empty', HTMLParagraphElement);
  const deleted = find(document, '#deleted', HTMLParagraphElement);
  const deletedTitle = find(deleted, 'span', HTMLSpanElement);
  const undo = find(deleted, 'button', HTMLButtonElement);
  const alert = find(document, '#alert', HTMLDivElement);
  const logout = find(document, '#logout', HTMLButtonElement);
  const rows = createRows(list, actions);
  let timer: ReturnType<typeof setTimeout> | undefined;

  form.onsubmit = (event) => {
    event.preventDefault();
    const text = title.value.trim();
    title.value = '';
    if (text) actions.add(text);
  };
  for (const button of filters) {
    button.onclick = () => actions.choose(button.value as Filter);
  }
  more.onclick = actions.load;
  logout.onclick = actions.logout;
  undo.onclick = actions.restore;
  // Who is about to press the button is given the time for it.
  undo.onfocus = () => clearTimeout(timer);
  undo.onblur = startTimer;
  // The next page is there before the end of this one is.
  new IntersectionObserver(([entry]) => entry?.isIntersecting && !more.hidden && actions.load(), {
    rootMargin: '600px',
  }).observe(more);

  function startTimer(): void {
    clearTimeout(timer);
    timer = setTimeout(actions.settle, UNDO_TIME);
  }

  function showDeleted(state: State): void {
    const text = state.deleted === undefined ? '' : `${quote(state.deleted)} was deleted.`;
    if (deletedTitle.textContent === text) return;
    if (undo === document.activeElement) list.focus();
    deletedTitle.textContent = text;
    deleted.hidden = text === '';
    if (text) startTimer();
    else clearTimeout(timer);
  }

  return {
    reopen: rows.reopen,
    show(state: State): void {
      rows.show(state.todos);
      for (const button of filters) button.ariaPressed = String(button.value === state.filter);
      more.hidden = !state.more;
      more.disabled = state.loading;
      empty.hidden = state.todos.length > 0 || state.more;
      empty.textContent = empty.hidden ? '' : NOTHING[state.filter];
      showDeleted(state);
    },
    giveBack(text: string): void {
      // What has been typed since is not lost for it: the apology says the other.
      if (title.value === '') title.value = text;
    },
    apologise(text: string): void {
      // An element of its own each time: the same words twice are said twice.
      const line = document.createElement('p');
      line.textContent = text;
      alert.replaceChildren(line);
      setTimeout(() => line.remove(), APOLOGY_TIME);
    },
    showUser(user: User | null): void {
      const name = find(document, '#name', HTMLAnchorElement);
      name.textContent = user?.name ?? 'Account';
      find(document, '#account', HTMLElement).hidden = user === null;
    },
  };
}
