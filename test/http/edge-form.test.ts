import { createServer } from 'node:http';
import Koa from 'koa';
import request from 'supertest';
import { expect, test } from 'vitest';
import { readForm } from '../../src/http/form.ts';
import { AppError } from '../../src/kit/errors.ts';

const app = new Koa();
app.use(async (ctx) => {
  try {
    ctx.body = [...(await readForm(ctx))];
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    ctx.status = error.status;
    ctx.body = { code: error.code };
  }
});

const TYPE = 'application/x-www-form-urlencoded';
const send = (body: string | Buffer, type = TYPE) =>
  request(createServer(app.callback()))
    .post('/')
    .set('Content-Type', type)
    .serialize(() => body as string)
    .send(body);

test.each([
  [
    'a=1&b=2',
    [
      ['a', '1'],
      ['b', '2'],
    ],
  ],
  ['a+b=c+d%2B', [['a b', 'c d+']]],
  ['name=J%C3%BCrgen', [['name', 'Jürgen']]],
  ['name=Jürgen', [['name', 'Jürgen']]],
  ['a=b=c', [['a', 'b=c']]],
  ['a', [['a', '']]],
  ['&a=1&', [['a', '1']]],
  ['__proto__=1', [['__proto__', '1']]],
])('reads %s', async (body, fields) => {
  expect((await send(body)).body).toEqual(fields);
});

test.each([
  ['a field that comes twice', 'a=1&a=2'],
  ['a field that comes twice in another spelling', 'a=1&%61=2'],
  ['broken percent-encoding', 'a=%zz'],
  ['a percent sign at the end', 'a=%'],
  ['encoded bytes that are no UTF-8', 'a=%ff'],
  ['a lone surrogate, encoded', 'a=%ed%a0%80'],
  ['bytes that are no UTF-8', Buffer.from([0x61, 0x3d, 0xff])],
  ['too many fields', Array.from({ length: 40 }, (_, i) => `f${i}=1`).join('&')],
])('refuses %s', async (_what, body) => {
  expect(await send(body)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
});

test.each([
  'application/json',
  'multipart/form-data; boundary=x',
  'text/plain',
  `${TYPE}; charset=latin1`,
])('refuses %s', async (type) => {
  const answer = await send('a=1', type);
  expect(answer).toMatchObject({ status: 415, body: { code: 'unsupported_media_type' } });
});

test('refuses more than 64 KiB', async () => {
  const answer = await send(`a=${'x'.repeat(64 * 1024)}`);
  expect(answer).toMatchObject({ status: 413, body: { code: 'body_too_large' } });
});
