import { type Html, html } from './html.ts';

const DAYS = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'long',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  timeZone: 'UTC',
});

/** A moment, in UTC; scripts put it into the reader's own time. */
export const moment = (at: Date): Html =>
  html`<time datetime="${at.toISOString()}">${DAYS.format(at)} UTC</time>`;
