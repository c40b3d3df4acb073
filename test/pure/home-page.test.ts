import { expect, test } from 'vitest';
import { homePage } from '../../src/issuer/pages/home-view.ts';
import { textOf } from '../../src/issuer/pages/html.ts';
import { loadSite } from '../../src/issuer/pages/site.ts';
import { config } from '../support/config.ts';

/** The calls that the start page proposes for a shell, by their paths. */
async function proposed(env: Record<string, string>) {
  const { site } = await loadSite(config(env));
  const text = textOf(homePage(site));
  const paths = [...text.matchAll(/curl -s \S+(\/api\S+)/g)].map(([, path]) => path);
  return { text, paths };
}

test('proposes to register where that gives tokens', async () => {
  const { text, paths } = await proposed({});
  expect(paths).toEqual(['/api/auth/register', '/api/auth/me']);
  expect(text).toContain('Register, and see who you are.');
  expect(text).toContain('&quot;name&quot;: &quot;Ada&quot;');
});

test.each([{ REGISTRATION: 'closed' }, { EMAIL_VERIFICATION: 'required' }])(
  'proposes to log in with %o',
  async (env) => {
    const { text, paths } = await proposed(env);
    expect(paths).toEqual(['/api/auth/login', '/api/auth/me']);
    expect(text).toContain('Log in, and see who you are.');
    expect(text).not.toContain('&quot;name&quot;');
  },
);
