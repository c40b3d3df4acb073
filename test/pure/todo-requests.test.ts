import { expect, test } from 'vitest';
import { KeyturnError } from '../../src/client/error.ts';
import { ADA, BOB } from '../support/browser-world.ts';

// Without its types, which are those of browsers.
const { createRequest } = await import('../../src/todo-app/browser/requests.ts' as string);

/** A client whose token is there at once, or once it is let through. */
function signedIn() {
  const sent: string[] = [];
  const client = {
    user: ADA,
    token: Promise.resolve('token'),
    getAccessToken: () => client.token,
    fetch: (async (url: string, { method } = {} as RequestInit) => {
      sent.push(`${method} ${url}`);
      return Response.json({ id: '1' }, { headers: { ETag: '"1"' } });
    }) as typeof fetch,
  };
  return { client, sent };
}

test('todos are called as those of who is signed in', async () => {
  const { client, sent } = signedIn();
  const request = createRequest(client);
  expect(await request('GET', '/1')).toMatchObject({ todo: { id: '1' }, etag: '"1"' });
  expect(sent).toEqual([`GET /api/users/${ADA.id}/todos/1`]);
});

test('what waited for a token is not done in the name of who logged in meanwhile', async () => {
  const { client, sent } = signedIn();
  const request = createRequest(client);
  await request('GET', '');
  const { promise, resolve } = Promise.withResolvers<string>();
  client.token = promise;
  const added = request('POST', '', { title: 'Ada’s alone' });
  client.user = BOB;
  resolve('of Bob');
  await expect(added).rejects.toEqual(expect.any(KeyturnError));
  await expect(added).rejects.toMatchObject({ status: 401 });
  expect(sent).toEqual([`GET /api/users/${ADA.id}/todos`]);
  await createRequest(client)('GET', '');
  expect(sent.at(-1)).toBe(`GET /api/users/${BOB.id}/todos`);
});
