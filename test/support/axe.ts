import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

const source = readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe-core finds wrong with a page as it is, as `rule: element`, in the light and the dark. */
export async function violationsOf(page: Page): Promise<string[]> {
  const found: string[] = [];
  for (const colorScheme of ['light', 'dark'] as const) {
    // Colours that are on their way are neither the one nor the other.
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.evaluate(await source);
    const violations = (await page.evaluate('axe.run().then(({ violations }) => violations)')) as {
      readonly id: string;
      readonly nodes: readonly { readonly html: string }[];
    }[];
    for (const { id, nodes } of violations) {
      found.push(...nodes.map(({ html }) => `${colorScheme}: ${id}: ${html}`));
    }
  }
  return found;
}
