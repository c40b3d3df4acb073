import { expect, test } from 'vitest';
import { BUNDLE, withSources } from '../../src/kit/bundle.ts';

const bundled = (file: string) => new URL(`../../${BUNDLE}/${file}`, import.meta.url).href;

test.each([
  'Error: nothing of it\n    at read (file:///srv/keyturn/src/kit/clock.ts:1:1)',
  'Error: another folder\n    at read (file:///etc/keyturn/bundle/cli.mjs:1:1)',
  `Error: above it\n    at read (${bundled('../../cli.mjs')}:1:1)`,
  `Error: no such file\n    at read (${bundled('gone.mjs')}:1:1)`,
])('a stack that leads elsewhere stays as it is: %j', (stack) => {
  expect(withSources(stack)).toBe(stack);
});
