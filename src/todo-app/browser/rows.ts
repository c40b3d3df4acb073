import { find } from './find.ts';
import type { Shown } from './todos.ts';

/** What can be done with a row. */
export interface RowActions {
  tick(key: string, completed: boolean): void;
  rename(key: string, from: string, title: string): void;
  remove(key: string): void;
}

interface Row {
  readonly element: HTMLLIElement;
  show(todo: Shown): void;
}

/** The list: one element a todo, which stays the same (and keeps its focus) as the todo changes. */
export function createRows(
  list: HTMLElement,
  actions: RowActions,
): (todos: readonly Shown[]) => void {
  const rows = new Map<string, Row>();

  return (todos) => {
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
  };
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

  function setEditing(editing: boolean): void {
    form.hidden = !editing;
    label.hidden = edit.hidden = editing;
    if (editing) field.focus();
  }

  function begin(): void {
    editedFrom = field.value = text.textContent;
    setEditing(true);
    field.select();
  }

  function finish(keep: boolean, byKeyboard: boolean): void {
    if (form.hidden) return;
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
  field.onblur = () => finish(true, false);
  field.onkeydown = ({ key: pressed }) => {
    if (pressed === 'Escape') finish(false, true);
  };

  return {
    element,
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
