import { describe, expect, test } from 'vitest';
import { authorizedFetch } from '../../src/client/authorized-fetch.ts';
import type { User } from '../../src/client/token.ts';
import { ADA, BOB } from '../support/browser-world.ts';

const REFUSED = { 'WWW-Authenticate': 'Bearer error="invalid_token", error_description="Old"' };
const API = 'https://todos.example.com/api';

/** A service that accepts one token, and a session that is given the next one for each refused. */
function scene({ accepts = 'token-1', challenge = REFUSED as Record<string, string> } = {}) {
  const seen: { token: string | null; body: string; headers: Headers }[] = [];
  let current = 1;
  const refused: string[] = [];
  const session = {
    who: ADA as User | undefined,
    /** What the next token waits for. */
    before: async () => {},
  };
  const call = authorizedFetch(
    {
      async fetch(input, init) {
        const request = new Request(input, init);
        const token = request.headers.get('Authorization');
        seen.push({ token, body: await request.text(), headers: request.headers });
        const ok = token === `Bearer ${accepts}`;
        return new Response('answer', { status: ok ? 200 : 401, headers: ok ? {} : challenge });
      },
    },
    {
      user: () => session.who,
      async accessToken() {
        await session.before();
        return `token-${current}`;
      },
      async replace(token) {
        refused.push(token);
        await session.before();
        return `token-${++current}`;
      },
    },
  );
  return { call, session, seen, refused, bodies: () => seen.map(({ body }) => body) };
}

/** What happens while a token is waited for. */
const loginOf = (user: User, session: { who: User | undefined }) => async () => {
  session.who = user;
};

const streamOf = (text: string) => new Response(text).body as ReadableStream;

describe('fetch with the access token', () => {
  test('adds it to whatever headers there are', async () => {
    const { call, seen } = scene();
    await call(API, { headers: { 'If-Match': '"1"', Authorization: 'Basic eDp5' } });
    await call(new Request(API, { headers: { 'If-Match': '"1"' } }));
    for (const { token, headers } of seen) {
      expect(token).toBe('Bearer token-1');
      expect(headers.get('If-Match')).toBe('"1"');
    }
  });

  test('replaces a refused one, once, and sends the same again', async () => {
    const { call, refused, bodies } = scene({ accepts: 'token-2' });
    const response = await call(API, { method: 'POST', body: 'the todo' });
    expect(response.status).toBe(200);
    expect(refused).toEqual(['token-1']);
    expect(bodies()).toEqual(['the todo', 'the todo']);
  });

  test('never loops', async () => {
    const { call, seen, refused } = scene({ accepts: 'none' });
    expect((await call(API)).status).toBe(401);
    expect(refused).toEqual(['token-1']);
    expect(seen.map(({ token }) => token)).toEqual(['Bearer token-1', 'Bearer token-2']);
  });

  test.each([
    ['no challenge', {}],
    ['another challenge', { 'WWW-Authenticate': 'Bearer error="insufficient_scope"' }],
    ['no token', { 'WWW-Authenticate': 'Bearer realm="keyturn"' }],
    ['a name like it', { 'WWW-Authenticate': 'Bearer error="invalid_token_x_not"' }],
  ])('leaves a 401 alone that speaks of something else: %s', async (_what, challenge) => {
    const { call, refused } = scene({ accepts: 'none', challenge });
    const response = await call(API);
    expect(response.status).toBe(401);
    expect(await response.text()).toBe('answer');
    expect(refused).toEqual([]);
  });

  test('sends a Request with its body again', async () => {
    const { call, bodies } = scene({ accepts: 'token-2' });
    const request = new Request(API, { method: 'PUT', body: 'the todo' });
    expect((await call(request)).status).toBe(200);
    expect(bodies()).toEqual(['the todo', 'the todo']);
  });

  test('cannot send a stream again: renews, and returns the refusal', async () => {
    const { call, refused, bodies } = scene({ accepts: 'token-2' });
    const stream = { method: 'POST', body: streamOf('long'), duplex: 'half' } as RequestInit;
    const response = await call(API, stream);
    expect(response.status).toBe(401);
    expect(await response.text()).toBe('answer');
    expect(refused).toEqual(['token-1']);
    expect(bodies()).toEqual(['long']);
    expect((await call(API, { method: 'POST', body: 'again' })).status).toBe(200);
  });

  test('is refused with the session: says so instead of asking', async () => {
    const error = new Error('nobody');
    const call = authorizedFetch(
      { fetch: () => Promise.resolve(new Response('', { status: 401, headers: REFUSED })) },
      {
        user: () => ADA,
        accessToken: async () => 'token',
        replace: () => Promise.reject(error),
      },
    );
    await expect(call(API)).rejects.toBe(error);
  });

  describe('when somebody else logs in meanwhile', () => {
    const ENDED = { name: 'KeyturnError', status: 401, code: 'session_ended' };

    test('sends nothing in their name that waited for a token', async () => {
      const { call, session, seen } = scene();
      session.before = loginOf(BOB, session);
      await expect(call(API, { method: 'POST', body: 'Ada’s' })).rejects.toMatchObject(ENDED);
      expect(seen).toEqual([]);
    });

    test('sends nothing again in their name', async () => {
      const { call, session, bodies } = scene({ accepts: 'token-2' });
      const sent = call(API, { method: 'POST', body: 'Ada’s' });
      session.before = loginOf(BOB, session);
      await expect(sent).rejects.toMatchObject(ENDED);
      expect(bodies()).toEqual(['Ada’s']);
    });

    test('sends what was asked for while nobody was known', async () => {
      const { call, session } = scene();
      session.who = undefined;
      session.before = loginOf(BOB, session);
      expect((await call(API)).status).toBe(200);
    });
  });

  describe('that is called off', () => {
    const forEver = () => new Promise<void>(() => {});
    const reason = new Error('enough');

    test.each<[string, (signal: AbortSignal) => Parameters<typeof fetch>]>([
      ['by init', (signal) => [API, { signal }]],
      ['by a Request', (signal) => [new Request(API, { signal })]],
    ])('%s waits for no token', async (_by, asked) => {
      const { call, session, seen } = scene();
      session.before = forEver;
      const controller = new AbortController();
      const outcome = call(...asked(controller.signal));
      controller.abort(reason);
      await expect(outcome).rejects.toBe(reason);
      await expect(call(...asked(AbortSignal.abort(reason)))).rejects.toBe(reason);
      expect(seen).toEqual([]);
    });

    test('waits for no second token either', async () => {
      const { call, session, refused, seen } = scene({ accepts: 'token-2' });
      const controller = new AbortController();
      const outcome = call(API, { signal: controller.signal });
      session.before = () => {
        controller.abort(reason);
        return forEver();
      };
      await expect(outcome).rejects.toBe(reason);
      expect([refused, seen.length]).toEqual([['token-1'], 1]);
    });
  });
});
