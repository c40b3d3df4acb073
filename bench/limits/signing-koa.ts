import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { SignJWT } from 'jose';
import Koa from 'koa';
import { openSigning, type SigningNeeds } from './signing.ts';
import { readBody } from './swap.ts';

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const header = { alg: 'RS256', kid: randomBytes(32).toString('base64url'), typ: 'at+jwt' };

/** The least that a refresh or a login can be on Koa, with a signature by jose. */
process.once('message', async (needs: SigningNeeds) => {
  const signing = await openSigning(needs, (claims) =>
    new SignJWT(claims).setProtectedHeader(header).sign(privateKey),
  );
  const app = new Koa();
  app.use(async (ctx) => {
    const { status, answer } = await signing.answer(await readBody(ctx.req));
    ctx.status = status;
    ctx.set('Cache-Control', 'no-store');
    ctx.body = answer;
  });
  const server = app.listen(0, '127.0.0.1', () =>
    process.send?.((server.address() as AddressInfo).port),
  );
  process.once('disconnect', () => {
    server.close();
    server.closeAllConnections();
    signing.close();
  });
});
