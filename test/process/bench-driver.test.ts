import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { httpRequest, walkSessions } from '../../bench/harness/api.ts';
import {
  type Answer,
  cookieJar,
  type Flow,
  redirection,
  repeatFlow,
  runFlow,
} from '../../bench/harness/flow.ts';
import { drive } from '../../bench/harness/load.ts';

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A server that sends a request's answer as it is given, each part in a packet of its own. */
async function listen(answer: (request: string) => readonly string[]): Promise<number> {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('data', (request) => void send(socket, answer(request.toString())));
    socket.on('error', () => {});
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

async function send(socket: Socket, parts: readonly string[]): Promise<void> {
  for (const part of parts) {
    await new Promise((resolve) => socket.write(part, resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function* asking(port: number): Flow<Answer> {
  return yield httpRequest(port, 'GET', '/');
}

const ask = (port: number): Promise<Answer> => runFlow(port, asking(port));

describe('the reader of answers', () => {
  test.each([
    ['with a length', ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello']],
    ['in parts', ['HTTP/1.1 200 OK\r\nContent-Le', 'ngth: 5\r\n\r\nhe', 'llo']],
    [
      'in chunks',
      ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n'],
    ],
    [
      'in chunks that come in parts',
      [
        'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2',
        '\r\nh',
        'e\r\n3\r\nllo\r\n0\r',
        '\n\r\n',
      ],
    ],
  ])('reads one %s', async (_, parts) => {
    const port = await listen(() => parts);
    expect(await ask(port)).toMatchObject({ status: 200, body: 'hello' });
  });

  test('refuses one whose end it cannot know', async () => {
    const port = await listen(() => ['HTTP/1.1 200 OK\r\n\r\nhello']);
    await expect(ask(port)).rejects.toThrow('unknown length');
  });
});

describe('load', () => {
  test('ends no flow of several requests midway', async () => {
    const asked: string[] = [];
    const port = await listen((request) => {
      asked.push(request.split(' ')[1] ?? '');
      return ['HTTP/1.1 204 No Content\r\n\r\n'];
    });
    let flows = 0;
    const exchange = repeatFlow(function* () {
      for (const path of ['/a', '/b', '/c']) yield httpRequest(port, 'GET', path);
      flows += 1;
    });
    await drive({ port, pid: process.pid, core: undefined }, [exchange], 30);
    expect(flows).toBeGreaterThan(0);
    expect(asked).toEqual(Array.from({ length: flows }, () => ['/a', '/b', '/c']).flat());
  });

  test('counts such a flow once', () => {
    const exchange = repeatFlow(function* () {
      for (const path of ['/a', '/b', '/c']) yield path;
    });
    const steps = Array.from({ length: 6 }, () => [
      exchange.next(),
      exchange.answered(200, '', ''),
    ]);
    const flow = [
      ['/a', false],
      ['/b', false],
      ['/c', true],
    ];
    expect(steps).toEqual([...flow, ...flow]);
  });

  test('ends with the first answer that is not the expected one', async () => {
    const port = await listen(() => ['HTTP/1.1 401 No\r\nContent-Length: 4\r\n\r\noops']);
    const walked = walkSessions(port, ['a'], { first: 0, step: 1 });
    const driven = drive({ port, pid: process.pid, core: undefined }, [walked], 1000);
    await expect(driven).rejects.toThrow('401 instead of 200: oops');
  });
});

describe('sessions that are walked', () => {
  const answer = (token: string) => `{"access_token":"x","refresh_token":"${token}"}`;

  test('are refreshed in turn, each with the token that came last', () => {
    const tokens = ['a', 'b', 'c', 'd', 'e'];
    const walked = walkSessions(1, tokens, { first: 1, step: 2 });
    const shown: (string | undefined)[] = [];
    for (const successor of ['b2', 'd2', 'b3']) {
      shown.push(/"refresh_token":"(\w+)"/.exec(walked.next())?.[1]);
      walked.answered(200, answer(successor), '');
    }
    expect(shown).toEqual(['b', 'd', 'b2']);
    expect(tokens).toEqual(['a', 'b3', 'c', 'd2', 'e']);
  });

  test.each([answer('a'), '{"access_token":"x"}'])('fail without a new token: %s', (body) => {
    const walked = walkSessions(1, ['a'], { first: 0, step: 1 });
    walked.next();
    expect(() => walked.answered(200, body, '')).toThrow('no new refresh token came');
  });
});

test('cookies are kept until they are cleared', () => {
  const jar = cookieJar();
  const take = (...lines: string[]) =>
    jar.take({ status: 200, body: '', head: ['HTTP/1.1 200 OK', ...lines].join('\r\n') });
  take('Set-Cookie: a=1; Path=/', 'set-cookie: b=2');
  take('Set-Cookie: a=; Max-Age=0', 'Set-Cookie: c=3; HttpOnly');
  expect(jar.header()).toBe('b=2; c=3');
});

test('a redirect is followed, and nothing else is', () => {
  const head = 'HTTP/1.1 303 See Other\r\nLocation: /there?code=x\r\nDate: today';
  expect(redirection({ status: 303, head, body: '' }).searchParams.get('code')).toBe('x');
  expect(() => redirection({ status: 200, head, body: 'no' })).toThrow('200 instead of a redirect');
});
