import { dial, type Turn } from './dial.ts';
import { type Content, type Html, html } from './html.ts';
import type { Site } from './site.ts';

/** A page before it is framed. */
export interface PageParts {
  /** Stands in the window's title before the brand's name. */
  readonly title: string;
  /** The page's one heading and all below it. */
  readonly main: Content;
  /** How far the dial is turned. */
  readonly turn: Turn;
  /** `gate` is one form beside the dial; `wide` has the whole width. */
  readonly frame: 'gate' | 'wide';
  /** Links at the top right. */
  readonly nav?: Content;
  /** A short word for scripts and tests, like `login`. */
  readonly name: string;
}

/** A whole document. */
export const layout = (
  site: Site,
  { title, main, turn, frame, nav, name }: PageParts,
): Html => html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · ${site.brand.name}</title>
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
${site.styles.map((path) => html`<link rel="stylesheet" href="${path}">\n`)}
<link rel="preload" href="${site.font}" as="font" type="font/woff2" crossorigin>
<link rel="icon" href="${site.icon}" type="image/svg+xml">
${site.scripts.map((path) => html`<script type="module" src="${path}"></script>\n`)}
</head>
<body data-page="${name}" data-frame="${frame}">
<a class="skip" href="#main">Skip to the content</a>
${dial(turn)}
<header class="top">
<a class="brand" href="/">${site.logo}${site.brand.name}</a>
<nav aria-label="You">${nav}</nav>
</header>
<div class="${frame}">
<main id="main" tabindex="-1">
${main}
</main>
</div>
<footer class="foot">
<span>Runs on Keyturn</span>
<nav aria-label="More"><a href="/">About this server</a></nav>
</footer>
</body>
</html>
`;
