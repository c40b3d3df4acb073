import type { Faults } from './faults.ts';
import { type Content, type Html, html } from './html.ts';

/** A field of a form. */
export interface Field {
  readonly name: string;
  readonly label: string;
  /** The HTML standard's autofill tokens, for password managers. */
  readonly autocomplete: string;
  readonly type?: 'text' | 'email' | 'password';
  readonly value?: string | undefined;
  readonly hint?: Content;
  /** Distinguishes fields of one name on a page; the name when absent. */
  readonly id?: string;
  /** Whether the page begins here, when nothing is wrong. */
  readonly first?: boolean;
  /** For a new password: what it must have, so that scripts can say how strong it is. */
  readonly minLength?: number;
}

/** A field with its label, its hint, and beside it what is wrong with it. */
export function field(spec: Field, faults: Faults): Html {
  const id = spec.id ?? spec.name;
  const fault = faults.fields[spec.name];
  return html`<div class="field">
<label for="${id}">${spec.label}</label>
${spec.hint && html`<p class="hint" id="${id}-hint">${spec.hint}</p>`}
${spec.type === 'password' ? revealable(spec, id, faults) : input(spec, id, faults)}
${fault !== undefined && html`<p class="error" id="${id}-error">${fault}</p>`}
</div>`;
}

function input(spec: Field, id: string, faults: Faults): Html {
  const fault = faults.fields[spec.name];
  const described = [spec.hint && `${id}-hint`, fault && `${id}-error`].filter(Boolean).join(' ');
  const focused = faults.first === undefined ? spec.first : faults.first === spec.name;
  return html`<input id="${id}" name="${spec.name}" type="${spec.type ?? 'text'}" required
autocomplete="${spec.autocomplete}"
${spec.value !== undefined && html` value="${spec.value}"`}
${spec.type === undefined ? html` dir="auto"` : html` autocapitalize="none" spellcheck="false"`}
${described !== '' && html` aria-describedby="${described}"`}
${fault !== undefined && html` aria-invalid="true"`}
${focused === true && html` autofocus`}>`;
}

/** A password with what only scripts can do for it, hidden without them. */
const revealable = (spec: Field, id: string, faults: Faults): Html => html`<div class="with-button">
${input(spec, id, faults)}
<button class="quiet" type="button" data-reveal="${id}" hidden>Show<span
class="aside"> password</span></button>
</div>
${
  spec.minLength !== undefined &&
  html`<div class="strength" data-strength="${id}" data-min="${spec.minLength}" hidden>
<span class="bar"></span><span role="status"></span>
</div>`
}`;

/**
 * Whose password a form is about, for password managers alone: out of sight, and not sent. Not
 * `type=hidden`, which they pass over.
 */
export const username = (email: string): Html =>
  html`<input class="aside" type="text" autocomplete="username" value="${email}" readonly tabindex="-1" aria-hidden="true">`;

/** What is wrong with a form as a whole; `focused` where the page is long and begins here. */
export const alert = (content: Content, focused = false): Html =>
  html`<div class="note bad" role="alert"${focused && html` tabindex="-1" autofocus`}>${content}</div>`;

/** Something good to know, or that has been done. */
export const note = (content: Content): Html =>
  html`<div class="note" role="status">${content}</div>`;

/** A value that a form carries along. */
export const hidden = (name: string, value: string | undefined): Content =>
  value !== undefined && html`<input type="hidden" name="${name}" value="${value}">`;

/** The summary of a form's faults, if there is one. */
export const summaryOf = (faults: Faults, focused = false): Content =>
  faults.summary !== undefined && alert(html`<p>${faults.summary}</p>`, focused);
