import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openSigning, type SigningNeeds } from './signing.ts';
import { readBody } from './swap.ts';

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const header = encode({ alg: 'RS256', kid: randomBytes(32).toString('base64url'), typ: 'at+jwt' });

/** The least that a refresh or a login can be on `node:http`, with a signature by `node:crypto`. */
process.once('message', async (needs: SigningNeeds) => {
  const signing = await openSigning(needs, accessToken);
  const server = createServer(async (req, res) => {
    const { status, answer } = await signing.answer(await readBody(req));
    const body = Buffer.from(JSON.stringify(answer));
    res.writeHead(status, [
      ...['Content-Type', 'application/json', 'Cache-Control', 'no-store'],
      ...['Content-Length', String(body.length)],
    ]);
    res.end(body);
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
  process.once('disconnect', () => {
    server.close();
    server.closeAllConnections();
    signing.close();
  });
});

function accessToken(claims: object): string {
  const input = `${header}.${encode(claims)}`;
  return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
