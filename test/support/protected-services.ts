import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import Fastify from 'fastify';
import Koa from 'koa';
import {
  expressVerifier,
  fastifyVerifier,
  koaVerifier,
  requireToken,
} from '../../src/resource-server/adapters.ts';
import type { Verifier } from '../../src/resource-server/verifier.ts';

/** A service that answers the claims of good tokens as JSON, at any path. */
export interface ProtectedService {
  readonly url: string;
  close(): Promise<void>;
}

type Start = (verify: Verifier) => Promise<ProtectedService>;

async function listen(handler: RequestListener): Promise<ProtectedService> {
  const server = createServer(handler);
  server.listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

/** One service for each adapter, by the framework's name. */
export const SERVICES: Readonly<Record<string, Start>> = {
  'node:http': (verify) =>
    listen(
      requireToken(verify, (_, response, claims) => {
        response.writeHead(200, { 'Content-Type': 'application/json' });
        response.end(JSON.stringify(claims));
      }),
    ),
  Koa(verify) {
    const app = new Koa();
    app.silent = true;
    app.use(koaVerifier(verify));
    app.use((ctx) => {
      ctx.body = ctx.state.auth;
    });
    return listen(app.callback());
  },
  Express(verify) {
    const app = express();
    app.use(expressVerifier(verify));
    app.use((request, response) => {
      response.json((request as { auth?: unknown }).auth);
    });
    return listen(app);
  },
  async Fastify(verify) {
    const fastify = Fastify();
    fastify.addHook('onRequest', fastifyVerifier(verify));
    fastify.get('/', (request) => (request as { auth?: unknown }).auth);
    return { url: await fastify.listen({ port: 0 }), close: () => fastify.close() };
  },
};
