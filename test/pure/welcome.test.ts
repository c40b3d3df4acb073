import { expect, test } from 'vitest';
import { welcome } from '../../src/cli/welcome.ts';
import { config, PRODUCTION } from '../support/config.ts';

test('says where it listens, where everything is, and a line to try', () => {
  const text = welcome(config({ DATA_DIR: '/srv/data', KEYS_DIR: '/srv/keys' }));
  expect(text).toMatch(/Listening +http:\/\/localhost:3000\n/);
  expect(text).not.toContain('Issuer');
  expect(text).toMatch(/Database +embedded PostgreSQL in \/srv\/data\n/);
  expect(text).toMatch(/Keys +\/srv\/keys\n/);
  expect(text).toMatch(/Mail +written to \/srv\/data\/mail\n/);
  expect(text).toContain('curl -s http://localhost:3000/api/auth/register');
});

test.each([
  ['0.0.0.0', 'http://localhost:4000'],
  ['10.0.0.5', 'http://10.0.0.5:4000'],
  ['fd00::1', 'http://[fd00::1]:4000'],
])('behind a proxy on %s it listens at %s, not at the issuer', (host, here) => {
  const text = welcome(config({ HOST: host, PORT: '4000', ISSUER_URL: 'https://id.example.com' }));
  expect(text).toContain(`Listening  ${here}\n`);
  expect(text).toContain('Issuer     https://id.example.com\n');
  expect(text).toContain(`curl -s ${here}/api/auth/register`);
});

test('where nobody may register, there is nothing to try', () => {
  const text = welcome(config({ REGISTRATION: 'closed' }));
  expect(text).toContain('Keyturn is ready.');
  expect(text).not.toMatch(/Try it|curl/);
});

test('in production there are log lines only', () => {
  expect(welcome(config(PRODUCTION))).toBe('');
});
