import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AccessTokenClaims } from '../jwt/claims.ts';
import { refusal, verifyRequest } from './presented.ts';
import type { Verifier } from './verifier.ts';

/** A request handler of `node:http` that runs for verified tokens alone. */
export type ClaimsHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  claims: AccessTokenClaims,
) => void | Promise<void>;

/** For plain `node:http`: `createServer(requireToken(verify, (req, res, claims) => …))`. */
export function requireToken(verify: Verifier, handler: ClaimsHandler) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const claims = await admit(verify, request, response);
    if (claims) await handler(request, response, claims);
  };
}

/** A request that Express hands to middleware, with what this one adds. */
export type ExpressRequest = IncomingMessage & { auth?: AccessTokenClaims };

/** For Express: puts the claims into `req.auth`. */
export function expressVerifier(verify: Verifier) {
  return async (
    request: ExpressRequest,
    response: ServerResponse,
    next: (error?: unknown) => void,
  ): Promise<void> => {
    const claims = await admit(verify, request, response);
    if (!claims) return;
    request.auth = claims;
    next();
  };
}

/** As much of a Koa context as the middleware touches. */
export interface KoaContext {
  readonly req: IncomingMessage;
  readonly state: { auth?: AccessTokenClaims };
  status: number;
  body: unknown;
  set(name: string, value: string): void;
}

/** For Koa: puts the claims into `ctx.state.auth`. */
export function koaVerifier(verify: Verifier) {
  return async (ctx: KoaContext, next: () => Promise<unknown>): Promise<void> => {
    try {
      ctx.state.auth = await verifyRequest(verify, ctx.req);
    } catch (error) {
      const { status, headers, body } = refusal(error);
      ctx.status = status;
      for (const [name, value] of headers) ctx.set(name, value);
      ctx.body = body;
      return;
    }
    await next();
  };
}

/** As much of a Fastify request and reply as the hook touches. */
export interface FastifyRequest {
  readonly raw: IncomingMessage;
  auth?: AccessTokenClaims | null;
}
export interface FastifyReply {
  code(status: number): FastifyReply;
  header(name: string, value: string): FastifyReply;
  send(body: unknown): FastifyReply;
}

/** For Fastify: `fastify.addHook('onRequest', fastifyVerifier(verify))` puts the claims into `request.auth`. */
export function fastifyVerifier(verify: Verifier) {
  return async (
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply | undefined> => {
    try {
      request.auth = await verifyRequest(verify, request.raw);
      return undefined;
    } catch (error) {
      const { status, headers, body } = refusal(error);
      reply.code(status);
      for (const [name, value] of headers) reply.header(name, value);
      return reply.send(body);
    }
  };
}

/** The claims of a request's token; undefined when the refusal has been sent. */
async function admit(
  verify: Verifier,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<AccessTokenClaims | undefined> {
  try {
    return await verifyRequest(verify, request);
  } catch (error) {
    const { status, headers, body } = refusal(error);
    response.writeHead(status, headers.flat()).end(body);
    return undefined;
  }
}
