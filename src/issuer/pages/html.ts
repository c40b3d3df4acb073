import { escapeHtml } from '../../kit/html-escape.ts';

const markup: unique symbol = Symbol('markup');

/** Finished HTML: what is written with the `html` tag, and nothing else. */
export interface Html {
  readonly [markup]: string;
}

/** What may stand in a template: texts are escaped, lists joined, nothings left out. */
export type Content = Html | string | number | false | null | undefined | readonly Content[];

/**
 * HTML from a template literal. Every value is escaped, so that it may stand in text and between
 * double quotes; nowhere else.
 */
export function html(parts: TemplateStringsArray, ...values: readonly Content[]): Html {
  const text = parts.reduce((before, part, index) => before + write(values[index - 1]) + part);
  return { [markup]: text };
}

/** Markup of our own that is written elsewhere. Never for what came from anybody. */
export const trusted = (text: string): Html => ({ [markup]: text });

/** The text of finished HTML. */
export const textOf = (finished: Html): string => finished[markup];

function write(value: Content): string {
  if (value === false || value === null || value === undefined) return '';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return escapeHtml(value);
  return markup in value ? value[markup] : value.map(write).join('');
}
