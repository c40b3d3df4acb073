import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The answer to give to everything; sent by the bench as this process's one message. */
export interface StaticAnswer {
  readonly status: number;
  /** Names and values in turn. */
  readonly headers: string[];
  /** Where in `headers` a fresh id a request belongs. */
  readonly idAt: number;
  readonly body: string;
}

/** `node:http` at its barest: the same answer to whatever is asked, with a fresh id each time. */
process.once('message', (answer: StaticAnswer) => {
  const { status, idAt, headers } = answer;
  const body = Buffer.from(answer.body);
  const prefix = randomBytes(12).toString('hex');
  let count = 0;
  const server = createServer((_req, res) => {
    count += 1;
    headers[idAt] = `${prefix}-${count.toString(36)}`;
    res.writeHead(status, headers);
    res.end(body);
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
  process.once('disconnect', () => {
    server.close();
    server.closeAllConnections();
  });
});
