import request from 'supertest';
import { expect, test } from 'vitest';
import { type AppContext, type AppRouter, createRouter } from '../../src/http/context.ts';
import { startEdge } from './edge-server.ts';

const says = (text: string) => (ctx: AppContext) => {
  ctx.body = [text, ...Object.values(ctx.params)].join(' ');
};

/** Three routers whose paths lie beside, within and over each other. */
function routers(): AppRouter[] {
  const first = createRouter()
    .get('/', says('first /'))
    .get('/a/b', says('first /a/b'))
    .get('/a/:id/c', says('first :id'));
  const second = createRouter()
    .post('/a/b', says('second /a/b'))
    .get('/a/:id', says('second :id'))
    .get('/a/b', says('never: the first has it'));
  const third = createRouter()
    .use((ctx, next) => {
      ctx.set('X-Third', 'asked');
      return next();
    })
    .delete('/a/:id', says('third :id'))
    .get('/a', says('third /a'));
  return [first, second, third];
}

test.each([
  ['GET', '/', 200, 'first /'],
  ['GET', '/a', 200, 'third /a'],
  ['GET', '/a/b', 200, 'first /a/b'],
  ['POST', '/a/b', 200, 'second /a/b'],
  ['DELETE', '/a/b', 200, 'third :id b'],
  ['GET', '/a/x', 200, 'second :id x'],
  ['GET', '/a/%2Fx', 200, 'second :id /x'],
  ['DELETE', '/a/x', 200, 'third :id x'],
  ['GET', '/a/x/c', 200, 'first :id x'],
  ['GET', '/a/b?q=/a/x', 200, 'first /a/b'],
  ['GET', '/a/', 404, undefined],
  ['GET', '/A', 404, undefined],
  ['GET', '/a/x/d', 404, undefined],
  ['GET', '/a/x/C', 404, undefined],
  ['GET', '/a/x/c/', 404, undefined],
  ['GET', '/b', 404, undefined],
])('%s %s is answered by its router: %i %s', async (method, path, status, body) => {
  const edge = await startEdge({ routers: routers() });
  const call = request(edge.url)[method.toLowerCase() as 'get' | 'post' | 'delete'](path);
  const answer = await call.expect(status);
  if (body !== undefined) expect(answer.text).toBe(body);
  expect(answer.headers['x-third']).toBe(body?.startsWith('third') ? 'asked' : undefined);
});

test('a path that more patterns begin like is not led where one of fewer was', async () => {
  const [wide, narrow] = [createRouter(), createRouter()];
  wide.get('/a/:id', says('wide'));
  narrow.get('/a/b/:id', says('narrow'));
  const edge = await startEdge({ routers: [wide, narrow] });
  for (const [path, text] of [
    ['/a/x', 'wide x'],
    ['/a/b/x', 'narrow x'],
  ] as const) {
    expect((await request(edge.url).get(path).expect(200)).text).toBe(text);
  }
});

test.each([
  ['DELETE', '/a/b', '/a/:id'],
  ['GET', '/a/b', '/a/b'],
  ['PUT', '/a', '/a'],
  ['PUT', '/b', null],
])('%s %s is logged as a request for %s', async (method, path, route) => {
  const edge = await startEdge({ routers: routers() });
  await fetch(edge.url + path, { method });
  expect(await edge.line('request')).toMatchObject({ route });
});

test.each([
  ['PUT', '/a/b', ['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS']],
  ['PUT', '/a/x', ['GET', 'HEAD', 'DELETE', 'OPTIONS']],
  ['PUT', '/a/x/c', ['GET', 'HEAD', 'OPTIONS']],
])('%s %s says what all routers together allow', async (_method, path, allowed) => {
  const edge = await startEdge({ routers: routers() });
  const answer = await request(edge.url).put(path).expect(405);
  expect(answer.headers.allow?.split(', ').sort()).toEqual(allowed.toSorted());
});
