import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

/** Signs for so many milliseconds, one after another, and answers with the signatures a second. */
process.on('message', (milliseconds: number) => {
  const input = randomBytes(500);
  const started = performance.now();
  let done = 0;
  while (performance.now() - started < milliseconds) {
    sign('sha256', input, privateKey);
    done += 1;
  }
  process.send?.((done * 1000) / (performance.now() - started));
});
