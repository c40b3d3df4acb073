import { describe, expect, test } from 'vitest';
import { config, type Env, faulty, KEY, message, PRODUCTION, warnings } from '../support/config.ts';

describe('production', () => {
  const without = (...names: string[]): Env =>
    Object.fromEntries(Object.entries(PRODUCTION).filter(([name]) => !names.includes(name)));

  test('is quiet when all is as it should be', () => {
    expect(warnings(PRODUCTION)).toBe('');
  });

  test('refuses the embedded database unless it is allowed', () => {
    expect(faulty(without('DATABASE_URL'))).toEqual(['DATABASE_URL']);
    expect(faulty({ ...without('DATABASE_URL'), EMBEDDED_DATABASE: 'no' })).toEqual([
      'DATABASE_URL',
    ]);
    expect(warnings({ ...without('DATABASE_URL'), EMBEDDED_DATABASE: 'yes' })).toContain(
      'power cut',
    );
  });

  test('refuses plain http but on loopback', () => {
    expect(faulty({ ...PRODUCTION, ISSUER_URL: 'http://id.example.com' })).toEqual(['ISSUER_URL']);
    expect(faulty({ ...PRODUCTION, ISSUER_URL: 'http://10.0.0.1' })).toEqual(['ISSUER_URL']);
    expect(message({ ...PRODUCTION, ISSUER_URL: 'http://id.example.com/' })).toContain(
      'ISSUER_URL=https://id.example.com\n',
    );
    for (const host of ['localhost', 'id.localhost', '127.0.0.1', '127.9.9.9', '[::1]']) {
      expect(warnings({ ...PRODUCTION, ISSUER_URL: `http://${host}:3000` })).toContain(
        'ISSUER_URL',
      );
    }
    expect(faulty({ ...PRODUCTION, ISSUER_URL: 'http://127.0.0.1.example.com' })).toEqual([
      'ISSUER_URL',
    ]);
  });

  test('needs a key-encryption key', () => {
    expect(faulty(without('KEYS_DIR'))).toEqual(['KEY_ENCRYPTION_KEY']);
    expect(config({ ...without('KEYS_DIR'), KEY_ENCRYPTION_KEY: KEY }).keyEncryptionKeys.from).toBe(
      'text',
    );
    expect(
      config({ ...without('KEYS_DIR'), KEY_ENCRYPTION_KEY_FILE: '/run/k' }).keyEncryptionKeys,
    ).toEqual({
      from: 'file',
      path: '/run/k',
    });
    expect(config(PRODUCTION).keyEncryptionKeys).toEqual({
      from: 'directory',
      dir: '/etc/keyturn/keys',
    });
  });

  test('refuses to run without rate limits', () => {
    expect(faulty({ ...PRODUCTION, RATE_LIMIT: 'off' })).toEqual(['RATE_LIMIT']);
    expect(config({ RATE_LIMIT: 'off' }).rateLimit).toBe(false);
  });

  test('logs JSON on a terminal too, unless told otherwise', () => {
    expect(config({}, { terminal: true }).log.format).toBe('pretty');
    expect(config(PRODUCTION, { terminal: true }).log.format).toBe('json');
    expect(warnings({ ...PRODUCTION, LOG_FORMAT: 'pretty' })).toContain('LOG_FORMAT');
  });

  test('advises where it can be unwise', () => {
    expect(warnings(without('SMTP_URL', 'MAIL_FROM'))).toContain('SMTP_URL');
    expect(warnings({ ...PRODUCTION, TRUST_PROXY: '0' })).toContain('TRUST_PROXY');
    expect(warnings({ ...PRODUCTION, ADMIN_HOST: '0.0.0.0' })).toContain('ADMIN_HOST');
    expect(warnings({ ...PRODUCTION, ALLOWED_ORIGINS: 'http://a.example' })).toContain(
      'ALLOWED_ORIGINS',
    );
    expect(warnings({ ...PRODUCTION, JWKS_URI: 'http://a.example/jwks' })).toContain('JWKS_URI');
  });
});
