import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { firstRefreshToken, formatRefreshToken } from '../../src/issuer/sessions/refresh-token.ts';
import { seconds } from '../../src/kit/duration.ts';
import type { SessionId } from '../../src/kit/id.ts';
import { type Client, clientOf, type SignedIn } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';

const WINDOW = seconds(30);

describe.each(DRIVERS)('stolen and forged refresh tokens on $name', (driver) => {
  let keyturn: TestKeyturn;
  let client: Client;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
    client = clientOf(keyturn);
  });
  afterAll(() => keyturn.close());

  async function successorOf(token: string): Promise<string> {
    const { status, body } = await client.refresh(token);
    expect({ status, code: body.code }).toEqual({ status: 200, code: undefined });
    return body.refresh_token;
  }
  async function rowOf({ sessionId }: SignedIn) {
    const text = 'SELECT * FROM sessions WHERE id = $1';
    const [row] = await keyturn.sql<Record<string, unknown>>(text, [sessionId]);
    return row;
  }
  /** Everything about the session is over, and the theft stands in the trail once. */
  async function expectTheft(who: SignedIn, stolen: string, live: string) {
    expectProblem(await client.refresh(stolen), 401, 'refresh_token_reused');
    for (const token of [stolen, live]) {
      expectProblem(await client.refresh(token), 401, 'invalid_refresh_token');
    }
    expectProblem(await client.me(who), 401, 'session_ended');
    expect(await rowOf(who)).toMatchObject({
      ended_at: keyturn.clock.now(),
      end_reason: 'refresh_token_reused',
    });
    expect(keyturn.events('refresh_token_reused', who.sessionId)).toEqual([
      expect.objectContaining({ user_id: who.userId, address: '127.0.0.1' }),
    ]);
  }

  test('a consumed token after its successor was used ends the session, window or not', async () => {
    for (const wait of [seconds(0), WINDOW]) {
      const ann = await client.register();
      const second = await successorOf(ann.refreshToken);
      const third = await successorOf(second);
      keyturn.clock.advance(wait);
      await expectTheft(ann, ann.refreshToken, third);
    }
  });

  test('an old token of a long line ends the session', async () => {
    const ann = await client.register();
    let token = ann.refreshToken;
    for (let i = 0; i < 5; i++) token = await successorOf(token);
    await expectTheft(ann, ann.refreshToken, token);
  });

  test('a consumed token late a second time ends the session', async () => {
    const ann = await client.register();
    await successorOf(ann.refreshToken);
    keyturn.clock.advance(WINDOW);
    const recovered = await successorOf(ann.refreshToken);
    keyturn.clock.advance(WINDOW);
    await expectTheft(ann, ann.refreshToken, recovered);
  });

  test('a voided successor ends the session', async () => {
    const ann = await client.register();
    const voided = await successorOf(ann.refreshToken);
    keyturn.clock.advance(WINDOW);
    const recovered = await successorOf(ann.refreshToken);
    await expectTheft(ann, voided, recovered);
  });

  test('of many thieves at once one is told so, and the theft is noted once', async () => {
    const ann = await client.register();
    const live = await successorOf(await successorOf(ann.refreshToken));
    const storm = await Promise.all(
      Array.from({ length: 10 }, () => client.refresh(ann.refreshToken)),
    );
    const codes = storm.map(({ status, body }) => `${status} ${body.code}`);
    expect(codes).toContain('401 refresh_token_reused');
    const known = ['401 refresh_token_reused', '401 invalid_refresh_token'];
    expect(codes.filter((code) => !known.includes(code))).toEqual([]);
    expect(keyturn.events('refresh_token_reused', ann.sessionId)).toHaveLength(1);
    expectProblem(await client.refresh(live), 401, 'invalid_refresh_token');
  });

  test('a theft ends its own session and no other', async () => {
    const ann = await client.register();
    const bob = await client.register();
    const elsewhere = await client.login(ann);
    const live = await successorOf(await successorOf(ann.refreshToken));
    await expectTheft(ann, ann.refreshToken, live);
    expect((await client.me(elsewhere)).status).toBe(200);
    await successorOf(elsewhere.refreshToken);
    await successorOf(bob.refreshToken);
  });

  test('a token of a session that is over is refused and accuses nobody', async () => {
    const ann = await client.register();
    const second = await successorOf(ann.refreshToken);
    const third = await successorOf(second);
    expect((await client.logout(third)).status).toBe(204);
    const before = await rowOf(ann);
    for (const token of [ann.refreshToken, second, third]) {
      expectProblem(await client.refresh(token), 401, 'invalid_refresh_token');
    }
    expect(await rowOf(ann)).toEqual(before);
    expect(keyturn.events('refresh_token_reused', ann.sessionId)).toEqual([]);
  });

  describe('what is not authentic ends nothing', () => {
    /** The token with one bit changed, in each byte in turn. */
    function* withOneBitChanged(token: string): Generator<string> {
      const bytes = Buffer.from(token.slice(4), 'base64url');
      for (let at = 0; at < bytes.length; at += 1) {
        const forged = Buffer.from(bytes);
        forged[at] = (forged[at] ?? 0) ^ (1 << (at % 8));
        yield `ktr_${forged.toString('base64url')}`;
      }
    }

    test('one bit changed in any byte', async () => {
      const ann = await client.register();
      const consumed = ann.refreshToken;
      const current = await successorOf(await successorOf(consumed));
      const before = await rowOf(ann);
      for (const token of [...withOneBitChanged(consumed), ...withOneBitChanged(current)]) {
        expectProblem(await client.refresh(token), 401, 'invalid_refresh_token');
      }
      expect(await rowOf(ann)).toEqual(before);
      await successorOf(current);
    });

    test('a token made by somebody who knows the session id and not the tag key', async () => {
      const ann = await client.register();
      await successorOf(await successorOf(ann.refreshToken));
      const before = await rowOf(ann);
      for (const generation of [0, 1, 2, 3, 4, 2 ** 32 - 1]) {
        const token = { ...firstRefreshToken(ann.sessionId as SessionId), generation };
        const forged = formatRefreshToken(token, randomBytes(32));
        expectProblem(await client.refresh(forged), 401, 'invalid_refresh_token');
      }
      expect(await rowOf(ann)).toEqual(before);
    });

    test.each<[string, (who: SignedIn) => string]>([
      ['nothing', () => ''],
      ['white space', () => ' '],
      ['a word', () => 'garbage'],
      ['the prefix alone', () => 'ktr_'],
      ['no prefix', ({ refreshToken }) => refreshToken.slice(4)],
      ['another prefix', ({ refreshToken }) => refreshToken.replace('ktr_', 'ktx_')],
      ['upper case', ({ refreshToken }) => refreshToken.replace('ktr_', 'KTR_')],
      ['white space before', ({ refreshToken }) => ` ${refreshToken}`],
      ['white space behind', ({ refreshToken }) => `${refreshToken}\n`],
      [
        'spare last bits set',
        ({ refreshToken }) => `${refreshToken.slice(0, -1)}${nextDigit(refreshToken)}`,
      ],
      ['padding', ({ refreshToken }) => `${refreshToken}=`],
      ['one character less', ({ refreshToken }) => refreshToken.slice(0, -1)],
      ['one character more', ({ refreshToken }) => `${refreshToken}A`],
      ['it twice', ({ refreshToken }) => refreshToken + refreshToken],
      [
        'a NUL within',
        ({ refreshToken }) => `${refreshToken.slice(0, 9)}\0${refreshToken.slice(10)}`,
      ],
      ['a lone surrogate', ({ refreshToken }) => `${refreshToken.slice(0, -1)}\ud800`],
      ['an access token', ({ accessToken }) => accessToken],
      ['a session id', ({ sessionId }) => sessionId],
      ['ten thousand characters', () => `ktr_${'A'.repeat(10_000)}`],
      [
        'zeros of the right length',
        ({ refreshToken }) => `ktr_${'A'.repeat(refreshToken.length - 4)}`,
      ],
      ['SQL', () => "ktr_' OR '1'='1"],
    ])('%s', async (_, present) => {
      const ann = await client.register();
      const before = await rowOf(ann);
      expectProblem(await client.refresh(present(ann)), 401, 'invalid_refresh_token');
      expect(await rowOf(ann)).toEqual(before);
      await successorOf(ann.refreshToken);
    });
  });
});

/** The base64url digit after the last one of a text: the same bytes, were it read leniently. */
function nextDigit(text: string): string {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return digits.charAt(digits.indexOf(text.at(-1) ?? '') + 1);
}
