import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import type { FastAnswer } from '../../src/http/fast-route.ts';
import { reusableHead } from '../../src/http/reusable-head.ts';
import { startEdge } from './edge-server.ts';

const answer = (etag: string): FastAnswer => ({
  status: 200,
  headers: { 'Content-Type': 'application/json' },
  body: Buffer.from('{}'),
  etag,
});

const GET = 'GET /fast HTTP/1.1\r\nHost: a\r\n\r\n';
const LAST = 'GET /fast HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const ID = /^X-Request-Id: (.+)\r\n/m;
const DATE = /^Date: .+\r\n/m;

test('an answer made in advance has the same head each time, but for its id', async () => {
  const made = answer('"1"');
  const edge = await startEdge({ fast: new Map([['/fast', () => made]]) });
  const old = 'GET /fast HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n';
  const text = await edge.raw(GET, GET, old, GET, LAST);
  const answers = text.split('{}').slice(0, -1);
  expect(new Set(answers.map((head) => ID.exec(head)?.[1])).size).toBe(5);
  const heads = answers.map((head) => head.replace(ID, '').replace(DATE, ''));
  const [first = '', last] = [heads[0], heads.pop()];
  expect(heads).toEqual([first, first, first, first]);
  expect(first).toMatch(/\r\nETag: "1"\r\nContent-Length: 2\r\nConnection: keep-alive\r\n/);
  expect(last).toBe(first.replace(/keep-alive\r\nKeep-Alive: timeout=65/, 'close'));
  const ids = edge.lines.filter(({ msg }) => msg === 'request').map((line) => line.request_id);
  expect(ids).toEqual(answers.map((head) => ID.exec(head)?.[1]));
});

test('a head is not kept beyond the answer that it is of', async () => {
  const [one, two] = [answer('"1"'), answer('"2"')];
  const next = [one, one, two, two, one][Symbol.iterator]();
  const fast = new Map([['/fast', () => next.next().value as FastAnswer]]);
  const edge = await startEdge({ fast });
  const text = await edge.raw(GET, GET, GET, GET, LAST);
  expect([...text.matchAll(/^ETag: (.+)\r$/gm)].map(([, etag]) => etag)).toEqual([
    '"1"',
    '"1"',
    '"2"',
    '"2"',
    '"1"',
  ]);
});

test('a head is sent again for half a second, and never on a connection that is to be closed', () => {
  const kept = reusableHead();
  const response = (shouldKeepAlive = true) =>
    Object.assign(new ServerResponse(new IncomingMessage(new Socket())), { shouldKeepAlive });
  const first = response();
  expect(kept.write(first, 'a', 0)).toBe(false);
  expect(first.headersSent).toBe(false);
  first.writeHead(200, ['X-Request-Id', 'a']);
  kept.keep(first, 'a', 1000);
  expect(kept.write(response(false), 'b', 1000)).toBe(false);
  expect(kept.write(response(), 'c', 1499)).toBe(true);
  expect(kept.write(response(), 'd', 1500)).toBe(false);
  const closing = response(false);
  closing.writeHead(200, ['X-Request-Id', 'e']);
  kept.keep(closing, 'e', 2000);
  expect(kept.write(response(), 'f', 2000)).toBe(false);
  kept.keep(first, 'a', 3000);
  kept.forget();
  expect(kept.write(response(), 'g', 3000)).toBe(false);
});
