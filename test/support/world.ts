import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An answer as the world gets it. */
export interface WorldAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What stands between a server and the world: a proxy or a CDN, as a test wants it. */
export interface World {
  /** What the issuer's URL has to be. */
  readonly url: string;
  /** The User-Agent of each request so far. */
  readonly agents: readonly (string | undefined)[];
  /** Leads to this server. */
  lead(origin: string): void;
  /** Changes each answer on its way; undefined leaves a request without one. */
  show(change: (answer: WorldAnswer) => WorldAnswer | undefined): void;
  /** From now on nobody can be reached. */
  close(): Promise<void>;
}

/** Makes a world that shows what is there. */
export async function createWorld(): Promise<World> {
  const agents: (string | undefined)[] = [];
  let target: string | undefined;
  let change: (answer: WorldAnswer) => WorldAnswer | undefined = (answer) => answer;
  const forward = async ({ url }: IncomingMessage): Promise<WorldAnswer> => {
    if (target === undefined) return { status: 502, headers: {}, body: '' };
    const response = await fetch(`${target}${url}`);
    const headers = ['content-type', 'cache-control'].map((name) => [
      name,
      response.headers.get(name) ?? '',
    ]);
    return {
      status: response.status,
      headers: Object.fromEntries(headers),
      body: await response.text(),
    };
  };
  const server = createServer(async (request, response) => {
    agents.push(request.headers['user-agent']);
    const answer = change(await forward(request));
    if (answer) response.writeHead(answer.status, { ...answer.headers }).end(answer.body);
  });
  server.listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    agents,
    lead(origin) {
      target = origin;
    },
    show(next) {
      change = next;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
