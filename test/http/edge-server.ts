import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import { type AppDeps, createApp } from '../../src/http/app.ts';
import { bearerToken } from '../../src/http/bearer.ts';
import { readJson } from '../../src/http/body.ts';
import { type AppRouter, createRouter } from '../../src/http/context.ts';
import { readCookie } from '../../src/http/cookie.ts';
import type { FastRoute } from '../../src/http/fast-route.ts';
import { createListener } from '../../src/http/listener.ts';
import { requireSameOrigin } from '../../src/http/origin.ts';
import { emailAddress, passwordText, text } from '../../src/http/text.ts';
import { systemClock } from '../../src/kit/clock.ts';
import { AppError, type ErrorSpec, unavailableError } from '../../src/kit/errors.ts';
import { createLogger } from '../../src/kit/log.ts';

/** The origin that the edge's tests allow besides the issuer's. */
export const APP_ORIGIN = 'https://app.example.com';

export const ISSUER = 'https://id.example.com';

/** A 401 as the bearer calls of other rooms have it. */
export const tokenExpired: ErrorSpec = {
  status: 401,
  code: 'token_expired',
  title: 'The token has expired',
  bearer: 'invalid_token',
};

const person = z.strictObject({
  email: emailAddress,
  password: passwordText,
  name: text({ min: 1, max: 100 }),
  delivery: z.enum(['body', 'cookie']).optional(),
  tags: z.array(z.string()).max(3).optional(),
});

/** Routes that use each piece of the edge once. */
export function probeRouter(): AppRouter {
  const router = createRouter();
  router.get('/api/hello', (ctx) => {
    const { requestId, address, userAgent } = ctx.state;
    ctx.body = { requestId, address, userAgent };
  });
  router.post('/api/people', async (ctx) => {
    ctx.body = await readJson(ctx, person);
  });
  router.post('/api/empty', async (ctx) => {
    ctx.body = await readJson(ctx, z.strictObject({}));
  });
  router.get('/api/people/:id', (ctx) => {
    ctx.body = { id: ctx.params.id };
  });
  router.delete('/api/people/:id', (ctx) => {
    ctx.status = 204;
  });
  router.get('/api/token', (ctx) => {
    ctx.body = { token: bearerToken(ctx) ?? null };
  });
  router.get('/api/cookie', (ctx) => {
    ctx.body = { value: readCookie(ctx, 'probe') ?? null };
  });
  router.post('/api/same-origin', (ctx) => {
    requireSameOrigin(ctx, { issuer: ISSUER, allowedOrigins: [APP_ORIGIN] });
    ctx.status = 204;
  });
  router.get('/api/crash', (ctx) => {
    ctx.set('Set-Cookie', 'half=done');
    ctx.set('ETag', '"half"');
    throw new Error('the secret of the crash');
  });
  router.get('/api/unwritable', (ctx) => {
    ctx.body = { big: 1n };
  });
  router.get('/api/nothing', () => {});
  router.get('/api/away', () => {
    throw unavailableError('The database is away.', 3, new Error('connect failed'));
  });
  router.get('/api/expired', () => {
    throw new AppError(tokenExpired, { detail: 'Said "so"\n at noon' });
  });
  router.get('/api/thrown-text', () => {
    throw 'just text';
  });
  router.get('/api/library', (ctx) => {
    ctx.throw(422, 'the library says so');
  });
  return router;
}

/** A running edge and what it logged and counted. */
export interface Edge {
  readonly server: Server;
  readonly port: number;
  readonly url: string;
  readonly lines: Record<string, unknown>[];
  readonly responses: unknown[];
  /** Resolves with the first line, past or to come, that has this message and these fields. */
  line(message: string, fields?: Record<string, unknown>): Promise<Record<string, unknown>>;
  /** Sends bytes on a connection of their own and returns all that comes until it is closed. */
  raw(...parts: (string | Buffer)[]): Promise<string>;
}

/** Starts the edge on a free port until the end of the test. */
export async function startEdge(
  options: Partial<AppDeps> & {
    readonly routers?: readonly AppRouter[];
    readonly fast?: ReadonlyMap<string, FastRoute>;
  } = {},
): Promise<Edge> {
  const lines: Record<string, unknown>[] = [];
  const responses: unknown[] = [];
  let arrived = () => {};
  const write = (line: string) => {
    lines.push(JSON.parse(line));
    arrived();
  };
  const deps: AppDeps = {
    log: createLogger({ level: 'trace', format: 'json', destination: { write } }),
    clock: systemClock(),
    issuer: ISSUER,
    allowedOrigins: [APP_ORIGIN],
    cookiePaths: new Set(['/api/people']),
    trustProxy: 0,
    onResponse: (info) => responses.push(info),
    ...options,
  };
  const app = createApp(deps, options.routers ?? [probeRouter()]);
  const server = createListener(deps, app, options.fast ?? new Map());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  const line = async (message: string, fields: Record<string, unknown> = {}) => {
    for (;;) {
      const found = lines.find(
        (one) => one.msg === message && Object.entries(fields).every(([k, v]) => one[k] === v),
      );
      if (found) return found;
      await new Promise<void>((resolve) => {
        arrived = resolve;
      });
    }
  };
  return {
    server,
    port,
    url: `http://127.0.0.1:${port}`,
    lines,
    responses,
    line,
    raw: (...parts) => rawExchange(port, parts),
  };
}

/** Sends bytes on a connection of their own and returns all that comes until it is closed. */
export async function rawExchange(
  port: number,
  parts: readonly (string | Buffer)[],
): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  for (const part of parts) socket.write(part);
  await new Promise<void>((resolve, reject) => {
    socket.once('end', resolve);
    socket.once('error', reject);
  });
  socket.destroy();
  return Buffer.concat(chunks).toString('latin1');
}
