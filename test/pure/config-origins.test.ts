import { describe, expect, test } from 'vitest';
import { config, faulty, message } from '../support/config.ts';

describe('origins', () => {
  test.each([
    ['http://localhost:3000'],
    ['https://id.example.com'],
    ['https://id.example.com:8443'],
    ['http://[::1]:3000'],
    ['https://xn--mnchen-3ya.de'],
  ])('%s is an issuer', (origin) => {
    expect(config({ ISSUER_URL: origin }).issuer).toBe(origin);
    expect(config({ ALLOWED_ORIGINS: origin }).allowedOrigins).toEqual([origin]);
  });

  test.each([
    ['https://id.example.com/', 'https://id.example.com'],
    ['https://id.example.com/auth', 'https://id.example.com'],
    ['https://id.example.com?a=b', 'https://id.example.com'],
    ['https://id.example.com?', 'https://id.example.com'],
    ['https://ID.example.com', 'https://id.example.com'],
    ['HTTPS://id.example.com', 'https://id.example.com'],
    ['https://id.example.com:443', 'https://id.example.com'],
    ['http://id.example.com:80', 'http://id.example.com'],
    ['https://münchen.de', 'https://xn--mnchen-3ya.de'],
    ['http://127.1:3000', 'http://127.0.0.1:3000'],
    ['https:id.example.com', 'https://id.example.com'],
    [' https://id.example.com', 'https://id.example.com'],
  ])('%j is refused in favour of %s', (text, good) => {
    expect(message({ ISSUER_URL: text })).toContain(`ISSUER_URL=${good}\n`);
  });

  test.each([
    'id.example.com',
    'ftp://id.example.com',
    'https://',
    'https://*.example.com',
    'https://a#',
    'https://a..b',
  ])('%j is no origin', (text) => {
    expect(faulty({ ISSUER_URL: text })).toEqual(['ISSUER_URL']);
    expect(faulty({ ALLOWED_ORIGINS: text })).toEqual(['ALLOWED_ORIGINS']);
  });

  test.each(['*', 'null', 'https://a.example,*', 'https://a.example/path'])(
    '%j is not allowed',
    (text) => {
      expect(faulty({ ALLOWED_ORIGINS: text })).toEqual(['ALLOWED_ORIGINS']);
    },
  );

  test('a list is split, trimmed and each origin kept once', () => {
    const text = 'https://a.example, https://b.example,,https://a.example,';
    expect(config({ ALLOWED_ORIGINS: text }).allowedOrigins).toEqual([
      'https://a.example',
      'https://b.example',
    ]);
  });

  test('the default issuer follows the port', () => {
    expect(config({ PORT: '8080' }).issuer).toBe('http://localhost:8080');
    expect(config({ PORT: '8080' }).audience).toBe('http://localhost:8080');
    expect(config({ PORT: '0' }).issuer).toBe('http://localhost:0');
    expect(config({ PORT: '80' }).issuer).toBe('http://localhost');
  });
});
