import type { Config } from '../../config.ts';
import { loadAssets } from '../../http/assets.ts';
import type { AppRouter } from '../../http/context.ts';
import { brandStyle } from './brand-style.ts';
import { MARK } from './dial.ts';
import { type Html, html, trusted } from './html.ts';

/** What of the configuration shows on every page. */
export type SiteConfig = Pick<
  Config,
  | 'brand'
  | 'issuer'
  | 'allowedOrigins'
  | 'trustProxy'
  | 'registration'
  | 'emailVerification'
  | 'passwordMinLength'
  | 'todoApp'
>;

/** What every page shares: who we are, and where its files are. */
export interface Site extends SiteConfig {
  readonly logo: Html;
  readonly styles: readonly string[];
  /** The style sheets with nothing but colours. */
  readonly theme: readonly string[];
  readonly scripts: readonly string[];
  readonly font: string;
  readonly icon: string;
  /** The pages' Content-Security-Policy. */
  readonly policy: string;
}

const file = (path: string): URL => new URL(path, import.meta.url);

const SHARED = {
  'familjen-grotesk.woff2': file('./static/familjen-grotesk.woff2'),
  // One request, though several files: each answer's headers weigh as much as a small style sheet.
  'pages.css': ['theme', 'look', 'forms', 'pages', 'dial', 'account'].map((name) =>
    file(`./static/${name}.css`),
  ),
  'theme.css': file('./static/theme.css'),
  'pages.ts': ['strength', 'send-forms', 'pages'].map((name) => file(`./browser/${name}.ts`)),
};

/** Makes the pages' static files ready. */
export async function loadSite(config: SiteConfig): Promise<{ site: Site; assets: AppRouter }> {
  const { brand } = config;
  const style = brand.color === undefined ? undefined : brandStyle(brand.color);
  const { paths, routes } = await loadAssets('/assets', {
    ...SHARED,
    'icon.svg': { text: MARK.replace('currentColor', brand.color ?? '#2f9e77') },
    'brand.css': { text: style ?? '' },
  });
  const own = style === undefined ? [] : [paths['brand.css']];
  const site: Site = {
    ...config,
    logo: brand.logo === undefined ? trusted(MARK) : html`<img src="${brand.logo}" alt="">`,
    styles: [paths['pages.css'], ...own],
    theme: [paths['theme.css'], ...own],
    scripts: [paths['pages.ts']],
    font: paths['familjen-grotesk.woff2'],
    icon: paths['icon.svg'],
    policy: policyOf(config),
  };
  return { site, assets: routes };
}

/** Nothing inline, nothing from elsewhere but the logo; forms may end at allowed origins. */
function policyOf({ brand, allowedOrigins }: SiteConfig): string {
  const logo = brand.logo === undefined ? [] : [new URL(brand.logo).origin];
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "font-src 'self'",
    ["img-src 'self'", ...logo].join(' '),
    "connect-src 'self'",
    // Chromium holds the redirect after a form to this, too.
    ["form-action 'self'", ...allowedOrigins].join(' '),
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; ');
}
