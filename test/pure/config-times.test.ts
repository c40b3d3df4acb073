import { describe, expect, test } from 'vitest';
import { VARIABLES, type VariableName, variable } from '../../src/config/variables.ts';
import { judgeClaims } from '../../src/jwt/claims.ts';
import { toSeconds } from '../../src/kit/duration.ts';
import { config, type Env, faulty, message, warnings } from '../support/config.ts';

describe('times', () => {
  test('zero is for CLOCK_SKEW and JWKS_MAX_AGE alone', () => {
    const names = Object.keys(VARIABLES).filter((name) =>
      /^\d+[smhd]$/.test(variable(name as VariableName).default ?? ''),
    );
    expect(names).toHaveLength(13);
    for (const name of names) {
      const fine = name === 'CLOCK_SKEW' || name === 'JWKS_MAX_AGE';
      expect(faulty({ [name]: '0s' }), name).toEqual(fine ? [] : [name]);
    }
  });

  test('token lifetimes must be in order; equal ones are', () => {
    expect(faulty({ ACCESS_TOKEN_TTL: '2h', REFRESH_TOKEN_TTL: '1h' })).toEqual([
      'ACCESS_TOKEN_TTL',
    ]);
    expect(faulty({ REFRESH_TOKEN_TTL: '31d' })).toEqual(['REFRESH_TOKEN_TTL']);
    expect(message({ REFRESH_TOKEN_TTL: '31d' })).toContain(
      '31d is longer than SESSION_MAX_TTL, 30d',
    );
    expect(
      faulty({ ACCESS_TOKEN_TTL: '5s', REFRESH_TOKEN_TTL: '5s', SESSION_MAX_TTL: '5s' }),
    ).toEqual([]);
  });

  test('an access token lives no longer than its verifiers accept', () => {
    expect(faulty({ ACCESS_TOKEN_TTL: '86401s' })).toEqual(['ACCESS_TOKEN_TTL']);
    const { accessTokenTtl, clockSkew } = config({ ACCESS_TOKEN_TTL: '24h' }).times;
    const now = new Date('2026-01-01T00:00:00Z');
    const iat = now.getTime() / 1000;
    const claims = {
      iss: 'https://id.example.com',
      aud: 'https://id.example.com',
      sub: 'somebody',
      jti: 'a',
      client_id: 'keyturn',
      iat,
      exp: iat + toSeconds(accessTokenTtl),
    };
    const expected = { issuer: claims.iss, audience: claims.aud, clockSkew };
    expect(judgeClaims(claims, expected, now)).toBe('good');
    expect(judgeClaims({ ...claims, exp: claims.exp + 1 }, expected, now)).toBe('invalid');
  });

  test('a rotation must not come before the next key has reached every verifier', () => {
    expect(faulty({ KEY_ROTATION_INTERVAL: '1446m' })).toEqual(['KEY_ROTATION_INTERVAL']);
    expect(message({ KEY_ROTATION_INTERVAL: '1446m' })).toContain('KEY_ROTATION_INTERVAL=1447m');
    expect(config({ KEY_ROTATION_INTERVAL: '1447m' }).times.keyRotationInterval).toBe(
      1447 * 60_000,
    );
    expect(faulty({ VERIFIER_CACHE_TTL: '40d' })).toEqual(['KEY_ROTATION_INTERVAL']);
    const quick = {
      VERIFIER_CACHE_TTL: '1s',
      JWKS_MAX_AGE: '0s',
      CLOCK_SKEW: '0s',
      KEY_LEASE: '1s',
    };
    expect(faulty({ ...quick, KEY_ROTATION_INTERVAL: '2s' })).toEqual([]);
    expect(faulty({ ...quick, KEY_ROTATION_INTERVAL: '1s' })).toEqual(['KEY_ROTATION_INTERVAL']);
  });

  test('a faulty time is not judged against another', () => {
    expect(faulty({ REFRESH_TOKEN_TTL: '31d', SESSION_MAX_TTL: 'month' })).toEqual([
      'SESSION_MAX_TTL',
    ]);
    expect(faulty({ KEY_ROTATION_INTERVAL: '1s', KEY_LEASE: 'x' })).toEqual(['KEY_LEASE']);
  });

  test('the resource server’s cache is never longer than any verifier’s', () => {
    expect(faulty({ JWKS_CACHE_TTL: '25h' })).toEqual(['JWKS_CACHE_TTL']);
    expect(config({ VERIFIER_CACHE_TTL: '10m' }).times.jwksCacheTtl).toBe(600_000);
  });

  test('nothing is so long that an instant or a timer overflows', () => {
    expect(faulty({ SESSION_MAX_TTL: '999999999d' })).toEqual(['SESSION_MAX_TTL']);
    expect(
      faulty({ DRAIN_DELAY: '25d', KEY_LEASE: '25d', JWKS_STARTUP_TIMEOUT: '25d' }),
    ).toHaveLength(3);
  });

  test.each([
    [{ VERIFIER_CACHE_TTL: '1d', JWKS_MAX_AGE: '2d' }, 'is less than JWKS_MAX_AGE'],
    [{ JWKS_MAX_AGE: '0s' }, 'JWKS_MAX_AGE: with 0'],
    [{ JWKS_MAX_AGE: '90m' }, 'hand out the stolen key for up to 1h 30m'],
    [{ CLOCK_SKEW: '0s' }, 'CLOCK_SKEW: with 0'],
    [{ ACCESS_TOKEN_TTL: '2h' }, 'ACCESS_TOKEN_TTL: other services'],
    [{ REFRESH_REPLAY_WINDOW: '10m' }, 'REFRESH_REPLAY_WINDOW: a copied'],
    [{ DRAIN_DELAY: '20s' }, 'DRAIN_DELAY: above'],
    [
      { ACCESS_TOKEN_TTL: '24h', VERIFIER_CACHE_TTL: '1h', KEY_ROTATION_INTERVAL: '2h' },
      'never more than five keys',
    ],
  ] satisfies [Env, string][])('%j warns', (env, text) => {
    expect(warnings(env)).toContain(text);
  });

  test('six keys are feared exactly when three retiring ones are not enough', () => {
    // Retiring: 15m + 2 * 60s + 60s = 18m.
    const quick = { VERIFIER_CACHE_TTL: '1m', JWKS_MAX_AGE: '1m' };
    expect(warnings({ ...quick, KEY_ROTATION_INTERVAL: '6m' })).not.toContain('five keys');
    expect(warnings({ ...quick, KEY_ROTATION_INTERVAL: '359s' })).toContain('five keys');
  });
});
