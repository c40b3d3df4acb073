import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { bearer, type Client, clientOf, type SignedIn } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { openKeys } from '../support/opened-keys.ts';
import { expectProblem } from '../support/problem.ts';
import { type Todos, todosOf } from '../support/todo-client.ts';
import { withClaims } from './forgery.ts';

const NOBODY = '00000000-0000-7000-8000-000000000000';

/** Every call, under a user's id, for a todo's id. */
const CALLS: readonly (readonly [
  string,
  (todos: Todos, id: string) => ReturnType<Todos['get']>,
])[] = [
  ['GET the list', (todos) => todos.list()],
  ['GET the list, wrongly', (todos) => todos.list('?limit=0')],
  ['POST', (todos) => todos.create({ title: 'x' })],
  ['POST, wrongly', (todos) => todos.create({ title: 1 })],
  ['GET', (todos, id) => todos.get(id)],
  ['GET no id', (todos) => todos.get('x')],
  ['PATCH', (todos, id) => todos.patch(id, { title: 'x' })],
  ['PATCH, wrongly', (todos, id) => todos.patch(id, {})],
  ['DELETE', (todos, id) => todos.remove(id)],
];

describe.each(DRIVERS)('whose todos they are, on $name', (driver) => {
  let keyturn: TestKeyturn;
  let client: Client;
  let ann: SignedIn;
  let bob: SignedIn;
  let bobs: Todos;
  let annsTodo: string;
  let statements: string[];
  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
    client = clientOf(keyturn);
    ann = await client.register();
    bob = await client.register();
    annsTodo = (await todosOf(client, ann.accessToken).add("Ann's")).id;
    bobs = todosOf(client, bob.accessToken);
    statements = watch(keyturn);
  });
  afterAll(() => keyturn.close());

  const plain = ({ text, body }: { text: string; body: { request_id: string } }) =>
    text.replace(body.request_id, '');

  describe.each(CALLS)('%s', (_, call) => {
    test("under another's id is 403 before any statement, whether or not he exists", async () => {
      const ids = [
        ...[ann.userId, ann.userId.toUpperCase(), NOBODY, 'nobody', 'ME', '%F0%9F%98%80'],
        ...[`%20${bob.userId}`, `${bob.userId}%20`, `%7B${bob.userId}%7D`],
        ...[`urn:uuid:${bob.userId}`, bob.userId.replaceAll('-', ''), `${bob.userId}0`],
      ];
      const answers = new Set<string>();
      for (const id of ids) {
        const from = statements.length;
        const logged = keyturn.events('cross_user_access').length;
        const response = await call(todosOf(client, bob.accessToken, id), annsTodo);
        expectProblem(response, 403, 'cross_user_access');
        expect(statements.slice(from)).toEqual([]);
        answers.add(plain(response));
        expect(keyturn.events('cross_user_access').slice(logged)).toMatchObject([
          {
            user_id: bob.userId,
            reason: decodeURIComponent(id),
            request_id: response.body.request_id,
          },
        ]);
      }
      expect(answers.size).toBe(1);
    });

    test('without a token, or with a bad one, is 401 and tells and reports nothing', async () => {
      const logged = keyturn.events('cross_user_access').length;
      const from = statements.length;
      for (const id of [ann.userId, NOBODY, 'me']) {
        expectProblem(await call(todosOf(client, '', id), annsTodo), 401, 'token_missing');
        expectProblem(await call(todosOf(client, 'x.y.z', id), annsTodo), 401, 'token_malformed');
      }
      expect(statements.slice(from)).toEqual([]);
      expect(keyturn.events('cross_user_access')).toHaveLength(logged);
    });
  });

  test("another's todo under one's own id is 404, as is one that nobody has", async () => {
    for (const path of ['me', bob.userId]) {
      const own = todosOf(client, bob.accessToken, path);
      for (const call of [
        (id: string) => own.get(id),
        (id: string) => own.patch(id, { title: 'mine now' }),
        (id: string) => own.patch(id, { title: 'mine now' }, { 'If-Match': '*' }),
        (id: string) => own.patch(id, { title: 'mine now' }, { 'If-Match': '"1"' }),
        (id: string) => own.remove(id),
        (id: string) => own.remove(id, { 'If-Match': '"1"' }),
      ]) {
        const foreign = await call(annsTodo);
        const unknown = await call(NOBODY);
        expectProblem(foreign, 404, 'not_found');
        expect(plain(unknown)).toBe(plain(foreign));
      }
    }
    const anns = todosOf(client, ann.accessToken);
    expect((await anns.get(annsTodo)).body.title).toBe("Ann's");
  });

  test("another's todo is no cursor into his list", async () => {
    const own = [(await bobs.add('a')).id, (await bobs.add('b')).id];
    const response = await bobs.list(`?cursor=${annsTodo}`);
    expect(response.status).toBe(200);
    for (const { id } of response.body.todos) expect(own).toContain(id);
  });

  test('every call is one statement, and it carries the owner', async () => {
    const { id } = await bobs.add('a');
    const calls = [
      () => bobs.list('?limit=2&completed=false'),
      () => bobs.create({ title: 'b' }),
      () => bobs.get(id),
      () => bobs.patch(id, { title: 'c' }),
      () => bobs.patch(id, { title: 'c' }, { 'If-Match': '"1"' }),
      () => bobs.remove(NOBODY),
      () => bobs.remove(id),
    ];
    for (const call of calls) {
      const from = statements.length;
      await call();
      const ran = statements.slice(from);
      expect(ran).toHaveLength(1);
      expect(ran[0]).toMatch(/\btodos\b[\s\S]*user_id/);
      expect(ran[0]).not.toMatch(/users|sessions|signing_keys/);
    }
  });

  test('the end of a session is not the end of a token: nobody asks the issuer', async () => {
    const short = await client.register();
    await client.logout(short.refreshToken).expect(204);
    expectProblem(await client.me(short), 401, 'session_ended');
    expect((await todosOf(client, short.accessToken).list()).status).toBe(200);
  });

  test('the own id in capitals is the own id, and only a UUID is the same in any case', async () => {
    const { id } = await bobs.add('in capitals');
    const named = todosOf(client, bob.accessToken, bob.userId.toUpperCase());
    expect((await named.get(id)).body).toEqual((await bobs.get(id)).body);
    const { headers } = await named.create({ title: 'made in capitals' });
    expect(headers.location).toContain(`/api/users/${bob.userId}/todos/`);

    const keys = await openKeys(keyturn);
    const { accessToken: token, refreshToken } = bob;
    const workshop = { keys, token, otherToken: token, refreshToken, now: 0 };
    const statusFor = async (sub: string, path: string) =>
      (await todosOf(client, withClaims(workshop, { sub }), path).list()).status;
    const capitals = randomUUID().toUpperCase();
    expect(await statusFor(capitals, capitals.toLowerCase())).toBe(200);
    expect(await statusFor('Ann', 'Ann')).toBe(200);
    expect(await statusFor('Ann', 'ann')).toBe(403);
    expect(await statusFor(`urn:uuid:${bob.userId}`, bob.userId)).toBe(403);
    expect(await statusFor(bob.userId.replace('-', ''), bob.userId)).toBe(403);
  });

  test('me and the id are the same path', async () => {
    const { id } = await bobs.add('both');
    const response = await todosOf(client, bob.accessToken, bob.userId).get(id);
    expect(response.body).toEqual((await bobs.get(id)).body);
    expect((await client.get(`/api/users/me/todos/${id}`, bearer(ann.accessToken))).status).toBe(
      404,
    );
  });
});

/**
 * Tables of the issuer's timers and of its trail, which stores what a refused call leaves there; and
 * what a connection begins with, which may be opened for that.
 */
const BESIDES =
  /signing_keys|key_state|audit_events|account_requests|outbox_mails|deleted_users|mailed_tokens|set_config/;

/** The texts of the statements that run from now on, but for what goes on besides. */
function watch(keyturn: TestKeyturn): string[] {
  const texts: string[] = [];
  const note = (text: string) => {
    if (!BESIDES.test(text)) texts.push(text);
  };
  const { db, kind } = keyturn.database;
  if (kind === 'postgres') {
    const { query } = pg.Client.prototype;
    vi.spyOn(pg.Client.prototype, 'query').mockImplementation(function (this: pg.Client, ...args) {
      note((args[0] as unknown as pg.QueryConfig).text ?? String(args[0]));
      return query.apply(this, args);
    });
  } else {
    const execute = db.executeQuery.bind(db);
    vi.spyOn(db, 'executeQuery').mockImplementation((query, ...rest) => {
      note((query as { sql: string }).sql);
      return execute(query, ...rest);
    });
  }
  return texts;
}
