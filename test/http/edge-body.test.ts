import { once } from 'node:events';
import { connect } from 'node:net';
import request from 'supertest';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { readJson } from '../../src/http/body.ts';
import { createRouter } from '../../src/http/context.ts';
import { startEdge } from './edge-server.ts';

const ADA = { email: 'ada@example.com', password: ' p\u00e4ss ', name: 'Ada' };

test('a body arrives as its schema makes it', async () => {
  const edge = await startEdge();
  const response = await request(edge.url)
    .post('/api/people')
    .send({ ...ADA, email: ' ADA@Example.COM ', name: ' \u{1F600} ' })
    .expect(200);
  expect(response.body).toEqual({
    email: 'ada@example.com',
    password: ' p\u00e4ss ',
    name: '\u{1F600}',
  });
});

test.each([
  [undefined, undefined],
  ['application/json', ''],
  [undefined, ''],
])('no body (%s, %j) counts as an empty object', async (type, body) => {
  const edge = await startEdge();
  const call = { method: 'POST', ...(type && { headers: { 'Content-Type': type } }) };
  const response = await fetch(
    `${edge.url}/api/empty`,
    body === undefined ? call : { ...call, body: new Blob([body]) },
  );
  expect([response.status, await response.json()]).toEqual([200, {}]);
  const people = await fetch(`${edge.url}/api/people`, { method: 'POST' });
  expect(await people.json()).toMatchObject({
    errors: expect.arrayContaining([{ path: 'email', message: 'is required' }]),
  });
});

test.each([
  ['application/json', 200],
  ['application/json; charset=utf-8', 200],
  ['Application/JSON;charset="UTF-8"', 200],
  ['application/json; charset=latin1', 415],
  ['application/json; boundary=x', 415],
  ['application/jsonp', 415],
  ['application/x-www-form-urlencoded', 415],
  ['text/plain', 415],
  ['multipart/form-data; boundary=x', 415],
  ['', 415],
])('Content-Type %s is %i', async (type, status) => {
  const edge = await startEdge();
  const response = await fetch(`${edge.url}/api/people`, {
    method: 'POST',
    body: Buffer.from(JSON.stringify(ADA)),
    ...(type !== '' && { headers: { 'Content-Type': type } }),
  });
  expect(response.status).toBe(status);
  if (status === 415)
    expect(await response.json()).toMatchObject({ code: 'unsupported_media_type' });
});

test('a compressed body is 415', async () => {
  const edge = await startEdge();
  const call = request(edge.url).post('/api/people').set('Content-Encoding', 'gzip');
  expect((await call.send(ADA)).status).toBe(415);
});

const json = (changes: object) => JSON.stringify({ ...ADA, ...changes });

test.each([
  ['{"email": "a', 'ends too early'],
  ['{"email": ada}', 'line 1, column 11'],
  ['[', 'ends too early'],
  ['\ufeff{}', 'line 1, column 1'],
  ['{"name": "a", "n\\u0061me": "b"}', 'Member \\"name\\" occurs twice'],
  ['{"__proto__": {"admin": true}}', '__proto__'],
  ['{"constructor": {"prototype": {}}}', 'prototype'],
  ['[[[[[[[[[1]]]]]]]]]', 'levels of nesting'],
  [Buffer.from([0x22, 0xff, 0x22]), 'not UTF-8'],
  ['null', '"path":"","message":"must be an object"'],
  ['[]', '"path":"","message":"must be an object"'],
  ['"text"', '"path":"","message":"must be an object"'],
  [json({ email: 7 }), '"path":"email","message":"must be a string"'],
  [json({ email: 'no address' }), '"path":"email","message":"must be an email address"'],
  [json({ email: '\u212ada@example.com' }), '"path":"email","message":"must be an email address"'],
  [json({ email: `${'a'.repeat(250)}@b.cc` }), '"path":"email","message":"must have at most 254'],
  [json({ name: '  ' }), '"path":"name","message":"must not be empty"'],
  [json({ name: 'a\0b' }), '"path":"name","message":"must not contain control'],
  [json({ name: '\ud800' }), '"path":"name","message":"must not contain lone'],
  [json({ name: '\u{1F600}'.repeat(101) }), '"path":"name","message":"must have at most 100'],
  [json({ password: 'a\0b' }), '"path":"password","message":"must not contain NUL"'],
  [json({ password: 'hunter2\udc00' }), '"path":"password","message":"must not contain lone'],
  [json({ password: 'hunter2'.repeat(1000) }), '"path":"password","message":"is too long"'],
  [json({ password: ['hunter2'] }), '"path":"password","message":"must be a string"'],
  [json({ delivery: 'hunter2' }), '"path":"delivery","message":"must be one of: body, cookie"'],
  [json({ tags: ['a', 1] }), '"path":"tags.1","message":"must be a string"'],
  [json({ tags: ['a', 'b', 'c', 'd'] }), '"path":"tags","message":"must have at most 3 items"'],
  [json({ admin: 'hunter2' }), '"path":"admin","message":"is not a known field"'],
  [json({ ['x'.repeat(500)]: 1 }), `"path":"${'x'.repeat(64)}…","message":"is not a known field"`],
])('%s is 400 and says so', async (body, said) => {
  const edge = await startEdge();
  const response = await fetch(`${edge.url}/api/people`, {
    method: 'POST',
    body: Buffer.from(body),
    headers: { 'Content-Type': 'application/json' },
  });
  const answer = await response.text();
  expect([response.status, JSON.parse(answer).code]).toEqual([400, 'invalid_request']);
  expect(answer).toContain(said);
  expect(answer).not.toContain('hunter2');
});

test('a thousand unknown fields make a short answer', async () => {
  const edge = await startEdge();
  const fields = Object.fromEntries([...Array(1000).keys()].map((n) => [`f${n}`, 1]));
  const response = await request(edge.url).post('/api/people').send(fields).expect(400);
  expect(response.body.errors).toHaveLength(20);
});

test('a body of exactly 64 KiB is read', async () => {
  const edge = await startEdge();
  const body = '{}'.padEnd(64 * 1024);
  const call = request(edge.url).post('/api/empty').set('Content-Type', 'application/json');
  await call.send(body).expect(200);
});

const MEGABYTE = 'x'.repeat(1024 * 1024);
const POST = 'POST /api/people HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n';

test.each([
  [
    'declared',
    [`${POST}Connection: close\r\nContent-Length: ${MEGABYTE.length}\r\n\r\n`, MEGABYTE],
  ],
  [
    'chunked',
    [
      `${POST}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n`,
      MEGABYTE,
      '\r\n0\r\n\r\n',
    ],
  ],
])('a %s megabyte is 413, and its sender reads that', async (_, parts) => {
  const edge = await startEdge();
  const answer = await edge.raw(...parts);
  expect(answer).toMatch(/^HTTP\/1.1 413 /);
  expect(answer).toContain('"code":"body_too_large"');
});

test('after a 413 the connection serves on', async () => {
  const edge = await startEdge();
  const answer = await edge.raw(
    `${POST}Content-Length: ${MEGABYTE.length}\r\n\r\n`,
    MEGABYTE,
    'GET /api/hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  );
  expect(answer.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 413', 'HTTP/1.1 200']);
});

test('a client that leaves within its body is a 499, not a fault of ours', async () => {
  const edge = await startEdge();
  const socket = connect(edge.port, '127.0.0.1');
  socket.write(`${POST}Content-Length: 100\r\n\r\n{"email":`);
  await once(edge.server, 'request');
  socket.destroy();
  const line = await edge.line('request');
  expect(line).toMatchObject({ status: 499, route: '/api/people' });
  expect(edge.lines.filter(({ level }) => level !== 'info')).toEqual([]);
});

test('a body whose client has left before it is read is not waited for', async () => {
  const read = Promise.withResolvers<unknown>();
  const router = createRouter().post('/api/late', async (ctx) => {
    await new Promise((resolve) => ctx.req.once('close', resolve));
    const body = readJson(ctx, z.strictObject({}));
    read.resolve(await body.catch((error: unknown) => error));
  });
  const edge = await startEdge({ routers: [router] });
  const socket = connect(edge.port, '127.0.0.1');
  socket.write(`${POST.replace('people', 'late')}Content-Length: 100\r\n\r\n{`);
  await once(edge.server, 'request');
  socket.destroy();
  expect(await read.promise).toMatchObject({ code: 'invalid_request' });
});

const CHUNKED = 'Connection: close\r\nTransfer-Encoding: chunked\r\n';
const TEXT = 'Content-Type: text/plain\r\n';
const EXPECT = 'Expect: 100-continue\r\n';

test.each([
  ['no chunks, no type', '', '0\r\n\r\n', 200],
  ['no chunks, but trailers', '', '0\r\nX: y\r\n\r\n', 200],
  // At once: who sends a type says that there is a body.
  ['chunks of another type that do not come', TEXT, '', 415],
  ['chunks without a type', '', '2\r\n{}\r\n0\r\n\r\n', 415],
  ['chunks of another type', TEXT, '1\r\n{\r\n1\r\n}\r\n0\r\n\r\n', 415],
  ['many chunks without a type', '', `${'2\r\n{}\r\n'.repeat(50_000)}0\r\n\r\n`, 415],
  ['an expectation without a type', EXPECT, '', 415],
])('a body of %s is read as one of that length is', async (_, headers, chunks, status) => {
  const edge = await startEdge();
  const head = `POST /api/empty HTTP/1.1\r\nHost: a\r\n${headers}${CHUNKED}\r\n`;
  const answer = await edge.raw(head, chunks);
  expect(answer.match(/HTTP\/1.1 \d+/g)).toEqual([`HTTP/1.1 ${status}`]);
  if (status === 200) expect(answer).toMatch(/\r\n\r\n\{\}$/);
  else expect(answer).toContain('"code":"unsupported_media_type"');
});

test('100 Continue is said when the body is wanted, and not before a refusal', async () => {
  const edge = await startEdge();
  const body = JSON.stringify(ADA);
  const head = `${POST}Expect: 100-continue\r\nConnection: close\r\n`;
  const wanted = await edge.raw(`${head}Content-Length: ${body.length + 1}\r\n\r\n`, body);
  expect(wanted.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 100', 'HTTP/1.1 200']);
  const most = 64 * 1024;
  const full = Buffer.from(body.padEnd(body.length + most - Buffer.byteLength(body)));
  const asked = await edge.raw(`${head}Content-Length: ${most}\r\n\r\n`, full);
  expect(asked.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 100', 'HTTP/1.1 200']);
  const refused = await edge.raw(`${head}Content-Length: ${most + 1}\r\n\r\n`);
  expect(refused.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 413']);
  expect(refused).toContain('Connection: close');
});
