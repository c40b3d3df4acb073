import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { AppError } from '../kit/errors.ts';
import { closeGently } from './connection.ts';
import { renderProblem } from './problem.ts';

/** Answers a request that never reaches Koa with a problem. `headers` is flat, names and values. */
export function refuseRequest(
  res: ServerResponse,
  error: AppError,
  requestId: string,
  headers: readonly string[],
): void {
  const problem = renderProblem(error, requestId);
  const own = problem.headers.flat();
  res.writeHead(problem.status, ['X-Request-Id', requestId, ...headers, ...own]);
  res.end(problem.body);
}

/** Answers on a bare connection, where Node has no request to speak of, and closes it. */
export function refuseConnection(
  socket: Duplex,
  error: AppError,
  requestId: string,
  headers: readonly string[],
): void {
  const problem = renderProblem(error, requestId);
  const fields = ['X-Request-Id', requestId, ...headers, ...problem.headers.flat()];
  fields.push('Connection', 'close');
  const lines = [`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}`];
  for (let i = 0; i < fields.length; i += 2) lines.push(`${fields[i]}: ${fields[i + 1]}`);
  socket.write(`${lines.join('\r\n')}\r\n\r\n${problem.body.toString()}`);
  closeGently(socket);
}
