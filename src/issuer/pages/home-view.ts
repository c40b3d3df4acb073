import { type Html, html } from './html.ts';
import { layout } from './layout.ts';
import type { Site } from './site.ts';

/** Where a newcomer finds things. */
export function homePage(site: Site): Html {
  const { brand } = site;
  return layout(site, {
    name: 'home',
    title: 'Welcome',
    turn: 3,
    frame: 'wide',
    nav: html`<a href="/login">Log in</a>`,
    main: html`<div class="sheet">
<h1>${brand.name} opens the door, and then steps aside</h1>
<p class="lead">One account for every application here. People log in once; services check tokens by
themselves, with the public keys of this address and nothing else.</p>
<div class="actions">
${site.registration === 'open' && html`<a class="button primary" href="/register">Create an account</a>`}
<a class="button outline" href="/login">Log in</a>
${site.todoApp && html`<a class="button quiet" href="/app">Try the todo app</a>`}
</div>
<section class="part" aria-labelledby="places">
<div><h2 id="places">Where things are</h2><p class="hint">For people who build with it.</p></div>
<dl class="places">
${place('/.well-known/openid-configuration', 'Discovery: what is served here, and where')}
${place('/.well-known/jwks.json', 'The public keys, for verifying access tokens')}
${place('/docs', 'The API, call by call')}
${place('/openapi.json', 'The same for machines')}
${place('/account', 'Your own account')}
</dl>
</section>
${fromShell(site)}
</div>`,
  });
}

const place = (path: string, about: string): Html =>
  html`<div><dt><a href="${path}">${path}</a></dt><dd>${about}</dd></div>`;

/** Two calls that lead to an answer here: where registering gives no tokens, one logs in instead. */
function fromShell({ issuer, registration, emailVerification }: Site): Html {
  const registers = registration === 'open' && emailVerification === 'optional';
  return html`<section class="part" aria-labelledby="try">
<div><h2 id="try">Try it from a shell</h2>
<p class="hint">${registers ? 'Register' : 'Log in'}, and see who you are.</p></div>
<div class="shell">
<pre tabindex="0"><code>curl -s ${issuer}/api/auth/${registers ? 'register' : 'login'} \\
  -H 'Content-Type: application/json' \\
  -d '{"email": "ada@example.com",${registers && ' "name": "Ada",'}
       "password": "a long and secret one"}'</code></pre>
<pre tabindex="0"><code>curl -s ${issuer}/api/auth/me \\
  -H "Authorization: Bearer $access_token"</code></pre>
</div>
</section>`;
}

/** A page for what went wrong, with nothing that the problem would not say. */
export const errorPage = (
  site: Site,
  error: { readonly status: number; readonly title: string; readonly detail?: string | undefined },
  requestId: string,
): Html =>
  layout(site, {
    name: 'error',
    title: error.title,
    turn: 2,
    frame: 'gate',
    main: html`<p class="eyebrow">${error.status}</p>
<h1>${error.title}</h1>
${error.detail !== undefined && html`<p class="lead">${error.detail}</p>`}
<div class="actions stack"><a class="button outline" href="/">To the start page</a></div>
<p class="aftermath">If you ask somebody for help, this number finds it in the log:
<code>${requestId}</code></p>`,
  });
