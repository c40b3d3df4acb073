import { find } from './find.ts';
import type { Shown } from './state.ts';

/** What can be done with a row. */
export interface RowActions {
  tick(key: string, completed: boolean): void;
  rename(key: string, from: string, title: string): void;
  remove(key: string): void;
}

interface Row {
  readonly element: HTMLLIElement;
  show(todo: Shown): void;
  reopen(title: string, found: string): void;
}

/** The list as it is shown. */
interface Rows {
  show(todos: readonly Shown[]): void;
  /** Goes on editing a title that was not taken; what is there is `found`. */
  reopen(key: string, title: string, found: string): void;
}

/** The list: one element a todo, which stays the same (and keeps its focus) as the todo changes. */
export function createRows(list: HTMLElement, actions: RowActions): Rows {
  const rows = new Map<string, Row>();

  function show(todos: readonly Shown[]): void {
    const keys = new Set(todos.map(({ key }) => key));
    for (const [key, { element }] of rows) {
      if (keys.has(key)) continue;
      if (element.contains(document.activeElement)) focusNear(element, list);
      element.remove();
      rows.delete(key);
    }
    let place = list.firstElementChild;
    for (const todo of todos) {
      let row = rows.get(todo.key);
      if (!row) {
        row = createRow(todo, actions);
        rows.set(todo.key, row);
      }
      row.show(todo);
      if (row.element === place) place = place.nextElementSibling;
      else list.insertBefore(row.element, place);
    }
  }

  return { show, reopen: (key, title, found) => rows.get(key)?.reopen(title, found) };
}

/** Keyboards and screen readers stay where something was taken away. */
function focusNear(element: Element, list: HTMLElement): void {
  const near = element.nextElementSibling ?? element.previousElementSibling;
  (near?.querySelector<HTMLElement>('input') ?? list).focus();
}

function createRow({ key }: Shown, actions: RowActions): Row {
  const copy = find(document, '#row', HTMLTemplateElement).content.cloneNode(true) as ParentNode;
  const element = find(copy, 'li', HTMLLIElement);
  const label = find(element, 'label', HTMLLabelElement);
  const text = find(label, 'span', HTMLSpanElement);
  const box = find(label, 'input', HTMLInputElement);
  const form = find(element, 'form', HTMLFormElement);
  const field = find(form, 'input', HTMLInputElement);
  const edit = find(element, '.edit', HTMLButtonElement);
  const remove = find(element, '.delete', HTMLButtonElement);
  let shown: Shown | undefined;
  let editedFrom = '';
  let contested = false;

  function setEditing(editing: boolean): void {
    form.hidden = !editing;
    label.hidden = edit.hidden = editing;
  }

  function begin(): void {
    editedFrom = field.value = text.textContent;
    setEditing(true);
    field.focus();
    field.select();
  }

  function reopen(title: string, found: string): void {
    // What is being typed by now began from the title that was not taken: it will be contested, or
    // fails as well.
    if (!form.hidden) return;
    const focused = document.activeElement;
    contested = true;
    editedFrom = found;
    field.value = title;
    setEditing(true);
    // Who has gone on to something else is left there.
    if (focused === document.body || element.contains(focused)) field.focus();
  }

  function finish(keep: boolean, byKeyboard: boolean): void {
    if (form.hidden) return;
    contested = false;
    setEditing(false);
    if (byKeyboard) edit.focus();
    const title = field.value.trim();
    if (keep && title) actions.rename(key, editedFrom, title);
  }

  box.onchange = () => actions.tick(key, box.checked);
  remove.onclick = () => actions.remove(key);
  edit.onclick = begin;
  text.ondblclick = begin;
  form.onsubmit = (event) => {
    event.preventDefault();
    finish(true, true);
  };
  field.onblur = () => {
    // What was not taken is sent again by Enter alone, not by a look elsewhere.
    if (!contested || !field.value.trim()) finish(true, false);
  };
  field.onkeydown = ({ key: pressed }) => {
    if (pressed === 'Escape') finish(false, true);
  };

  return {
    element,
    reopen,
    show(todo) {
      if (todo.title !== shown?.title) {
        text.textContent = todo.title;
        edit.ariaLabel = `Edit “${todo.title}”`;
        remove.ariaLabel = `Delete “${todo.title}”`;
      }
      box.checked = todo.completed;
      shown = todo;
    },
  };
}
