import { describe, expect, test, vi } from 'vitest';
import { manualClock } from '../../src/kit/clock.ts';
import { seconds } from '../../src/kit/duration.ts';
import { jwksUriOf } from '../../src/resource-server/remote-jwks.ts';
import { createVerifier, type VerifierOptions } from '../../src/resource-server/verifier.ts';
import { fakeToken, jwkSet, METADATA } from '../support/fake-issuer.ts';
import { WAIT } from '../support/server-process.ts';
import { first, second, UNAVAILABLE, UNKNOWN, verifierScene } from '../support/verifier-scene.ts';
import { encoded, signed } from './forgery.ts';

describe('fetches', () => {
  test('are one for a crowd', async () => {
    const { issuer, verify, token } = await verifierScene();
    await Promise.all(Array.from({ length: 100 }, () => verify(token())));
    expect(issuer.requests).toEqual([METADATA, '/jwks']);
  });

  test('a thousand kids that nobody knows cause one a cooldown', async () => {
    const { issuer, verify, clock, token } = await verifierScene();
    await verify.start();
    const forged = Array.from({ length: 1000 }, (_, i) => {
      const [, payload] = token().split('.');
      const header = { alg: 'RS256', kid: `random-${i}`, typ: 'at+jwt' };
      return i % 50 === 0
        ? signed(`${encoded(header)}.${payload}`, second.privateKey)
        : `${encoded(header)}.${payload}.${'A'.repeat(342)}`;
    });
    for (const round of [1, 2, 3]) {
      clock.advance(seconds(30));
      const before = issuer.fetches();
      for (const crowd of [forged.slice(0, 500), forged.slice(500)]) {
        const outcomes = await Promise.allSettled(crowd.map((bad) => verify(bad)));
        expect(outcomes.filter(({ status }) => status === 'fulfilled')).toEqual([]);
        for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: UNKNOWN });
      }
      expect(issuer.fetches(), `round ${round}`).toBe(before + 1);
      clock.advance(seconds(29.9));
      await expect(verify(forged[0] ?? '')).rejects.toEqual(UNKNOWN);
      expect(issuer.fetches(), `round ${round}`).toBe(before + 1);
    }
    await verify(token());
  });

  test('happen for a new key at once, and no more when it is known', async () => {
    const { issuer, verify, clock, token } = await verifierScene();
    await verify.start();
    clock.advance(seconds(31));
    issuer.jwks = jwkSet(first, second);
    await verify(token(second));
    await verify(token(second));
    await verify(token(first));
    expect(issuer.fetches()).toBe(2);
  });

  test('happen when the keys are as old as they may get, also within a cooldown', async () => {
    const { issuer, verify, clock, token } = await verifierScene({
      cacheTtl: '10s',
      cooldown: '30s',
    });
    await verify(token());
    clock.advance(seconds(8));
    await verify(token());
    expect(issuer.fetches()).toBe(1);
    clock.advance(seconds(2));
    issuer.jwks = jwkSet(second);
    await expect(verify(token(first))).rejects.toEqual(UNKNOWN);
    expect(issuer.fetches()).toBe(2);
  });

  test('bring keys as old as the question for them', async () => {
    const { issuer, verify, clock, token } = await verifierScene({ cacheTtl: '100s' });
    issuer.jwks = (response) => {
      clock.advance(seconds(40));
      response.end(JSON.stringify(jwkSet(first)));
    };
    await verify(token());
    issuer.jwks = jwkSet(second);
    clock.advance(seconds(60));
    await expect(verify(token())).rejects.toEqual(UNKNOWN);
  });

  test('of the keys that are there leave what is known of a token', async () => {
    const { issuer, verify, token } = await verifierScene();
    const shown = token();
    const known = await verify(shown);
    await verify.start();
    expect(issuer.fetches()).toBe(2);
    expect(await verify(shown)).toBe(known);
  });

  test('happen for who only asks whether it is ready, in time and when it is too late', async () => {
    const { issuer, verify, clock } = await verifierScene({ cacheTtl: '10s', maxStale: '0s' });
    await verify.start();
    expect(verify.ready()).toBe(true);
    clock.advance(seconds(9));
    expect(verify.ready()).toBe(true);
    await vi.waitUntil(() => issuer.fetches() === 2, WAIT);
    clock.advance(seconds(11));
    expect(verify.ready()).toBe(false);
    await vi.waitUntil(() => verify.ready(), WAIT);
    expect(issuer.fetches()).toBe(3);
    expect(verify.ready()).toBe(true);
  });

  test('for who asks whether it is ready are one a cooldown while they fail', async () => {
    const { issuer, verify, clock, events } = await verifierScene({
      cacheTtl: '10s',
      maxStale: '1h',
      cooldown: '30s',
    });
    await verify.start();
    issuer.jwks = { keys: [] };
    clock.advance(seconds(10));
    for (const round of [1, 2]) {
      expect(verify.ready()).toBe(true);
      await vi.waitUntil(() => events.length === 1 + round, WAIT);
      for (const _ of [1, 2, 3]) {
        expect(verify.ready()).toBe(true);
        // A fetch that this began would be there before this one.
        await fetch(`${issuer.url}/elsewhere`);
      }
      expect(issuer.fetches()).toBe(1 + round);
      clock.advance(seconds(30));
    }
  });

  test('begin in the background a little earlier, and keep nobody waiting', async () => {
    const { issuer, verify, clock, token } = await verifierScene({
      cacheTtl: '100s',
      timeout: '1s',
    });
    await verify(token());
    issuer.jwks = () => {};
    clock.advance(seconds(91));
    await verify(token());
    await verify(token());
    await vi.waitUntil(() => issuer.fetches() > 1, WAIT);
    expect(issuer.fetches()).toBe(2);
  });

  test('go to jwksUri where it is given', async () => {
    const { issuer } = await verifierScene();
    const options = { issuer: 'https://id.example.com', audience: 'me', jwksUri: issuer.jwksUri };
    const clock = manualClock();
    const verify = createVerifier({ ...options, clock });
    const claims = { iss: options.issuer, aud: 'me' };
    await verify(fakeToken(issuer, first, clock.now(), claims));
    expect(issuer.requests).toEqual(['/jwks']);
  });
});

describe('while the issuer is away', () => {
  test('keys are used until they are stale, and those found again serve at once', async () => {
    const { issuer, verify, clock, token } = await verifierScene({
      cacheTtl: '1h',
      maxStale: '2h',
    });
    await verify.start();
    issuer.away = true;
    for (const _ of [1, 2, 3]) {
      clock.advance(seconds(3600));
      await verify(token());
      expect(verify.ready()).toBe(true);
    }
    clock.advance(seconds(1));
    expect(verify.ready()).toBe(false);
    const outcome = await verify(token()).catch((error) => error);
    expect(outcome).toMatchObject({ status: 503, code: 'unavailable', extras: { retryAfter: 1 } });
    issuer.away = false;
    clock.advance(seconds(1));
    await verify(token());
    expect(verify.ready()).toBe(true);
  });

  test('nobody whose key is there waits for it again and again', async () => {
    const { issuer, verify, clock, token } = await verifierScene({
      cacheTtl: '100s',
      timeout: '10m',
    });
    await verify(token());
    issuer.away = true;
    clock.advance(seconds(100));
    await verify(token());
    issuer.away = false;
    let answerNow = () => {};
    issuer.jwks = (response) => {
      answerNow = () => response.end(JSON.stringify(jwkSet(second)));
    };
    // The cooldown is over, and what is tried then may take as long as it is given.
    clock.advance(seconds(31));
    for (const _ of [1, 2, 3]) await verify(token());
    await vi.waitUntil(() => issuer.fetches() > 1, WAIT);
    // Who needs what is being fetched does wait, and what it brings is law.
    const waiting = verify(token(second));
    answerNow();
    expect(await waiting).toMatchObject({ sub: 'somebody' });
    await expect(verify(token(first))).rejects.toEqual(UNKNOWN);
    expect(issuer.fetches()).toBe(2);
  });

  test('without keys it is asked once a second', async () => {
    const { issuer, verify, clock, token } = await verifierScene();
    issuer.away = true;
    for (const asked of [1, 2]) {
      for (const _ of [1, 2, 3]) await expect(verify(token())).rejects.toEqual(UNAVAILABLE);
      expect(issuer.requests).toHaveLength(asked);
      clock.advance(seconds(1));
    }
  });
});

describe('options', () => {
  const good = { issuer: 'https://id.example.com', audience: 'me' };
  test.each<[string, object]>([
    ['issuer', { ...good, issuer: undefined }],
    ['issuer', { ...good, issuer: 'id.example.com' }],
    ['issuer', { ...good, issuer: 'ftp://id.example.com' }],
    ['issuer', { ...good, issuer: 'https://id.example.com?tenant=1' }],
    ['issuer', { ...good, issuer: 'https://id.example.com#here' }],
    ['issuer', { ...good, issuer: 'https://user@id.example.com' }],
    ['issuer', { ...good, issuer: 'https://:word@id.example.com' }],
    ['issuer', { ...good, issuer: 'https://id.example.com\n' }],
    ['audience', { ...good, audience: undefined }],
    ['audience', { ...good, audience: '' }],
    ['jwksUri', { ...good, jwksUri: 'jwks.json' }],
    ['no length of time', { ...good, cacheTtl: '15 minutes' }],
    ['no length of time', { ...good, cooldown: '-1s' }],
    ['no length of time', { ...good, cacheTtl: null }],
    ['no length of time', { ...good, maxStale: Number.NaN }],
    ['no length of time', { ...good, clockSkew: -5 }],
    ['no length of time', { ...good, timeout: Number.POSITIVE_INFINITY }],
  ])('that are no good are refused at once: %s in %j', (says, options) => {
    expect(() => createVerifier(options as VerifierOptions)).toThrow(says);
  });

  test('an https issuer does not hand its keys out over http', () => {
    const issuer = 'https://id.example.com';
    const read = (jwks_uri: string) => jwksUriOf({ issuer, jwks_uri }, issuer, 'the metadata');
    expect(read(`${issuer}/jwks`)).toBe(`${issuer}/jwks`);
    expect(() => read('http://id.example.com/jwks')).toThrow('not https');
  });
});
