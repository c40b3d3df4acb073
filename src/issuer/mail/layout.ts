import { formatHex, parseHex, readableOn } from '../../kit/color.ts';
import { escapeHtml } from '../../kit/html-escape.ts';
import type { MailText } from './templates.ts';

/** How mails look. */
export interface MailBrand {
  readonly name: string;
  /** An https URL of a picture. */
  readonly logo?: string;
  /** `#0b5fff` or `#05f`. */
  readonly color?: string;
}

/** The pages' own, as all the colours here: `pages/static/theme.css`. */
const COLOR = '#0c6a51';
const FONT = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";

/** The mail as plain text; the link stands on a line of its own. */
export function renderText(greeting: string, text: MailText, brand: MailBrand): string {
  const { action } = text;
  const parts = [
    greeting,
    ...text.paragraphs,
    ...(action ? [`${action.label}:\n${action.link}`] : []),
    ...text.notes,
  ];
  return `${parts.join('\n\n')}\n\n-- \n${brand.name}\n`;
}

/** The mail as HTML that reads well where styles are dropped, in the dark, and without pictures. */
export function renderHtml(greeting: string, text: MailText, brand: MailBrand): string {
  const color = brand.color ?? COLOR;
  const { action } = text;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>${escapeHtml(text.subject)}</title>
<style>
:root { color-scheme: light dark; }
@media (prefers-color-scheme: dark) {
  body, .page { background: #0f1613 !important; color: #e8efeb !important; }
  .card { background: #161f1b !important; border-color: #2a3631 !important; }
  .quiet { color: #a7b6ae !important; }
  .quiet a { color: #7fdcbf !important; }
}
</style>
</head>
<body style="margin:0;background:#f2f4ef;color:#14201b;${FONT}">
<div class="page" style="padding:24px 12px;background:#f2f4ef">
<div class="card" style="max-width:520px;margin:0 auto;padding:28px;background:#fcfdfb;border:1px solid #d3dad3;border-radius:10px">
${header(brand)}
<h1 style="margin:0 0 20px;font-size:22px;line-height:1.3">${escapeHtml(text.title)}</h1>
${[greeting, ...text.paragraphs].map(paragraph).join('\n')}
${action ? button(action, color) : ''}
${text.notes.map((note) => small(escapeHtml(note))).join('\n')}
</div>
</div>
</body>
</html>
`;
}

function header({ name, logo }: MailBrand): string {
  const inside = logo
    ? `<img src="${escapeHtml(logo)}" alt="${escapeHtml(name)}" height="40" style="height:40px;border:0">`
    : escapeHtml(name);
  return `<p style="margin:0 0 24px;font-size:16px;font-weight:600">${inside}</p>`;
}

const paragraph = (text: string): string =>
  `<p style="margin:0 0 16px;font-size:16px;line-height:1.5">${escapeHtml(text)}</p>`;

const small = (html: string): string =>
  `<p class="quiet" style="margin:16px 0 0;font-size:14px;line-height:1.5;color:#4a5952">${html}</p>`;

/** A button, and below it the same link to copy. */
function button({ label, link }: { label: string; link: string }, color: string): string {
  const href = escapeHtml(link);
  const style =
    'display:inline-block;padding:12px 22px;border-radius:8px;font-size:16px;font-weight:600;' +
    `text-decoration:none;background:${color};color:${formatHex(readableOn(parseHex(color)))}`;
  return `<p style="margin:24px 0"><a href="${href}" style="${style}">${escapeHtml(label)}</a></p>
${small(`Or copy this link: <a href="${href}" style="color:inherit;word-break:break-all">${href}</a>`)}`;
}
