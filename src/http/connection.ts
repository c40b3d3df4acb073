import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** How long nothing may come on a connection that we have closed, until it is let go. */
const LINGER_MS = 2000;
/** How often it is looked at again, while something comes: for as long as a request may take. */
const MOST_LOOKS = 8;

/** The response that is being made on a connection; Node keeps it there and nowhere public. */
export const currentResponse = (socket: object): ServerResponse | undefined =>
  (socket as { _httpMessage?: ServerResponse | null })._httpMessage ?? undefined;

/** Connections on which nothing that comes is served any more. */
const ended = new WeakSet<object>();

/**
 * Has nothing served that came behind this request, in the same packet as a rule: where a request
 * began nobody knows any more, and its answer could not be sent.
 */
export const endWith = ({ socket }: IncomingMessage): void => void ended.add(socket);

/** Whether a request came behind one that was the last. */
export const isBehindTheLast = ({ socket }: IncomingMessage): boolean => ended.has(socket);

/** Connections whose request is answered, while its body still comes. */
const unfinished = new WeakSet<object>();

/** Notes that a request is answered before its body has come, until it has. */
export function noteUnfinished(req: IncomingMessage): void {
  const { socket } = req;
  unfinished.add(socket);
  req.once('close', () => unfinished.delete(socket));
}

/** Whether all that still comes on a connection is the body of a request that is answered. */
export const isUnfinished = (socket: object): boolean => unfinished.has(socket);

/**
 * Closes a connection on which a client is still sending: our half first, what comes is thrown away
 * for a while, then the rest. Destroyed at once, unread bytes would make the kernel reset the
 * connection under an answer that was not read yet.
 */
export function closeGently(socket: Duplex & { readonly bytesRead?: number }): void {
  socket.on('error', () => socket.destroy());
  socket.end();
  socket.resume();
  const look = (left: number) => {
    const { bytesRead } = socket;
    setTimeout(() => {
      if (socket.destroyed) return;
      if (left === 0 || socket.bytesRead === bytesRead) socket.destroy();
      else look(left - 1);
    }, LINGER_MS).unref();
  };
  look(MOST_LOOKS);
}

/** Makes an answer the last on its connection, which is closed gently where Node would destroy it. */
export function closeAfter({ req, res }: { req: IncomingMessage; res: ServerResponse }): void {
  res.shouldKeepAlive = false;
  endWith(req);
  const { socket } = req;
  socket.destroySoon = () => closeGently(socket);
}
