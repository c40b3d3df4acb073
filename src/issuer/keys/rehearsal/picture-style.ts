/** The look, by classes alone; dark where the reader's surroundings are. */
export const STYLE = `
text { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2933; }
.title { font-size: 17px; font-weight: 600; }
.head { font-size: 12px; font-weight: 600; fill: #52606d; }
.note, .time { font-size: 11px; fill: #52606d; }
.letter { font-size: 11px; font-weight: 600; }
.paper { fill: #ffffff; }
.lane { fill: #f5f7fa; }
.line { stroke: #9aa5b1; stroke-width: 1; stroke-dasharray: 2 3; }
.next { fill: #c3dafe; }
.active { fill: #2b6cb0; }
.retiring { fill: #8fb3d9; }
.token { fill: #2f9e77; }
.cache { fill: #cbd2d9; }
.early { fill: #e0a526; }
.rejects { fill: #d64545; }
.revoked { stroke: #d64545; stroke-width: 2.5; fill: none; }
.good { fill: #1e7e5a; }
.bad { fill: #c53030; }
.on-active { fill: #ffffff; }
@media (prefers-color-scheme: dark) {
  text { fill: #e4e7eb; }
  .head, .note, .time { fill: #9aa5b1; }
  .paper { fill: #14181d; }
  .lane { fill: #1c2229; }
  .line { stroke: #52606d; }
  .next { fill: #2a4365; }
  .active { fill: #4299e1; }
  .retiring { fill: #5f7f9f; }
  .token { fill: #38b48a; }
  .cache { fill: #3e4c59; }
  .early { fill: #c98f1a; }
  .rejects { fill: #e05252; }
  .good { fill: #5fd3a8; }
  .bad { fill: #ff8080; }
  .on-active { fill: #0b1117; }
}
`;

/** What each colour means, in the order of the legend. */
export const LEGEND: readonly (readonly [style: string, meaning: string])[] = [
  ['next', 'published, waits'],
  ['active', 'signs'],
  ['retiring', 'retires'],
  ['token', 'tokens live'],
  ['cache', 'a cache may lack the key'],
  ['early', 'only an early fetch helps'],
  ['rejects', 'honest tokens rejected'],
];

/** Text that may stand in XML. */
export const escapeXml = (text: string): string =>
  text
    // What XML 1.0 has no way to write.
    .replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '\u{fffd}')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
