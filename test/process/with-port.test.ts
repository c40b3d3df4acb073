import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, createServer as createListener } from 'node:net';
import { expect, test } from 'vitest';
import { withPort } from '../../src/cli/with-port.ts';
import { config } from '../support/config.ts';

test('a port that the system gave is given to nobody else until a server listens by it', async () => {
  const given = config({ HOST: '127.0.0.1', PORT: '0' });
  const { config: chosen, held } = await withPort(given);
  const { port } = chosen.listen;
  expect(chosen).toMatchObject({
    listen: { host: '127.0.0.1', port: expect.any(Number) },
    issuer: `http://localhost:${port}`,
    audience: `http://localhost:${port}`,
  });
  const other = createListener().listen(port, '127.0.0.1');
  const [error] = await once(other, 'error');
  expect(error).toMatchObject({ code: 'EADDRINUSE' });
  const stranger = connect(port, '127.0.0.1');
  stranger.on('error', () => {});
  await once(stranger, 'close');

  const server = createServer((_, response) => response.end('here')).listen(held);
  await once(server, 'listening');
  expect(await (await fetch(chosen.issuer)).text()).toBe('here');
  server.close();
  await once(server, 'close');
  held?.close();
  const next = createListener().listen(port, '127.0.0.1');
  await once(next, 'listening');
  next.close();
});

test('a port that is named is left alone', async () => {
  const given = config({ PORT: '4000' });
  expect(await withPort(given)).toEqual({ config: given });
});
