import type { Page } from 'playwright-core';

/** What opening a URL in an empty cache transfers, in bytes: headers and bodies of all answers. */
export async function transferOf(page: Page, url: string): Promise<number> {
  const devtools = await page.context().newCDPSession(page);
  let bytes = 0;
  devtools.on('Network.loadingFinished', ({ encodedDataLength }) => {
    bytes += encodedDataLength;
  });
  await devtools.send('Network.enable');
  await devtools.send('Network.setCacheDisabled', { cacheDisabled: true });
  await page.goto(url, { waitUntil: 'load' });
  await devtools.detach();
  return bytes;
}
