import { describe, expect, test } from 'vitest';
import { config, DATABASE_URL, faulty, KEY, message, warnings } from '../support/config.ts';

describe('a way to the database without a word about TLS', () => {
  test.each([
    ['postgres://u:s3cret@db.example.com/k', '"db.example.com"'],
    ['postgres://u:s3cret@127.0.0.1,10.0.0.1:5433,[fd00::1]:5434/k', '"10.0.0.1", "[fd00::1]"'],
    ['postgres://db/k?application_name=x', '"db"'],
    ['postgres:///k?host=db.example.com', '"db.example.com"'],
    ['postgres://127.0.0.1/k?host=db', '"db"'],
    ['postgres://a%zz/k', '"a%zz"'],
    ['postgres://db/k?sslmode=', '"db"'],
    ['postgres://db/k?ssl=&sslrootcert=', '"db"'],
    ['postgres://db/k?sslnegotiation=postgres', '"db"'],
  ])('%s warns of %s', (url, hosts) => {
    const told = warnings({ DATABASE_URL: url });
    expect(told).toMatch(/^DATABASE_URL: .*sslmode=verify-full.*sslmode=disable/);
    expect(told).toContain(`with ${hosts}:`);
    expect(told).not.toContain('s3cret');
  });

  test.each([
    'postgres://u:p@db.example.com/k?sslmode=disable',
    'postgres://u:p@db.example.com/k?application_name=x&sslmode=no-verify',
    'postgres://u:p@db.example.com/k?ssl=true',
    'postgres://u:p@db.example.com/k?sslnegotiation=direct',
    'postgres://u:p@localhost/k',
    'postgres://u:p@LOCALHOST:5433,127.0.0.2,[::1]:5434/k',
    'postgres://u:p@%2Fvar%2Frun%2Fpostgresql/k',
    'postgres:///k?host=/var/run/postgresql',
    'postgres:///k?host=::1',
  ])('%s warns of nothing', (url) => {
    expect(warnings({ DATABASE_URL: url })).toBe('');
  });
});

describe('key-encryption keys', () => {
  test('may be several', () => {
    const { keyEncryptionKeys } = config({ KEY_ENCRYPTION_KEY: `${KEY}, ${KEY}` });
    expect(keyEncryptionKeys.from === 'text' && keyEncryptionKeys.text.reveal()).toBe(
      `${KEY},${KEY}`,
    );
  });

  test.each(['short', `${KEY}=`, `${KEY},`, KEY.replace(/.$/, 'l'), 'ab'.repeat(32)])(
    '%j is no key',
    (text) => {
      expect(faulty({ KEY_ENCRYPTION_KEY: text })).toEqual(['KEY_ENCRYPTION_KEY']);
    },
  );

  test('come one way', () => {
    expect(faulty({ KEY_ENCRYPTION_KEY: KEY, KEY_ENCRYPTION_KEY_FILE: 'f' })).toEqual([
      'KEY_ENCRYPTION_KEY_FILE',
    ]);
    expect(warnings({ KEY_ENCRYPTION_KEY: KEY, KEYS_DIR: 'keys' })).toContain('KEYS_DIR');
  });
});

describe('database and mail', () => {
  test.each([
    DATABASE_URL,
    'postgresql://db',
    'postgres://u@h1:5432,h2:5433/db?sslmode=require',
    'postgres://u:p%40ss@[::1]:5432/db',
    'postgres:///db?host=/var/run/postgresql',
  ])('%s is a database', (url) => {
    expect(config({ DATABASE_URL: url }).database.url?.reveal()).toBe(url);
  });

  test.each([
    'mysql://h/db',
    'postgres://',
    'postgres://u:p@ss@h/db',
    'postgres://u:p/ss@h/db',
    'postgres://u:p%@h/db',
    'postgres://h:0/db',
    'postgres://h:70000/db',
    'postgres://h1,,h2/db',
    'postgres://h/db name',
  ])('%j is none', (url) => {
    expect(faulty({ DATABASE_URL: url })).toEqual(['DATABASE_URL']);
  });

  test.each([
    'smtp://u:p#w@h',
    'smtp://u:p/w@h',
    'smtp://u:7?w@h',
    'smtp://u:7/w@h',
    'postgres://u:p/w@h/db',
  ])('a password in %j is told how to be written, and shown nowhere', (url) => {
    const name = url.startsWith('smtp') ? 'SMTP_URL' : 'DATABASE_URL';
    const told = message({ [name]: url, ...(name === 'SMTP_URL' && { MAIL_FROM: 'a@b.example' }) });
    expect(told).toContain('in a password, write @ : / ? # and % as %40 %3A %2F %3F %23 %25');
    expect(told).not.toContain('w@h');
  });

  test('mail needs a server and a sender', () => {
    expect(faulty({ SMTP_URL: 'smtp://h' })).toEqual(['MAIL_FROM']);
    expect(faulty({ MAIL_FROM: 'a@b.example' })).toEqual(['SMTP_URL']);
    expect(faulty({ SMTP_URL: 'http://h', MAIL_FROM: 'nobody' })).toEqual([
      'SMTP_URL',
      'MAIL_FROM',
    ]);
    expect(faulty({ SMTP_URL: 'smtp://h', MAIL_FROM: 'a@b.example\r\nBcc: c@d.example' })).toEqual([
      'MAIL_FROM',
    ]);
    const from = { MAIL_FROM: 'a@b.example' };
    for (const url of ['?pool=true', '?requireTLS=1', '?debug=true', '/x', '/?logger=true', '#x']) {
      expect(faulty({ SMTP_URL: `smtp://h${url}`, ...from })).toEqual(['SMTP_URL']);
    }
    expect(faulty({ SMTP_URL: 'smtp://:p@h', ...from })).toEqual(['SMTP_URL']);
    for (const url of [
      '',
      '/',
      '?requireTLS=true',
      '?requireTLS=true&tls.rejectUnauthorized=false',
    ]) {
      expect(faulty({ SMTP_URL: `smtp://h${url}`, ...from })).toEqual([]);
    }
    const { mail } = config({ SMTP_URL: 'smtps://u:p@h:465', MAIL_FROM: 'Ann <a@b.example>' });
    expect(mail?.smtpUrl.reveal()).toBe('smtps://u:p@h:465');
    expect(mail?.from).toBe('Ann <a@b.example>');
  });

  test('several workers need PostgreSQL', () => {
    expect(faulty({ WORKERS: '2' })).toEqual(['WORKERS']);
    expect(config({ WORKERS: '2', DATABASE_URL }).workers).toBe(2);
    expect(config({ WORKERS: 'auto', DATABASE_URL }).workers).toBe(4);
    expect(config({ WORKERS: 'auto' }).workers).toBe(1);
    expect(warnings({ WORKERS: 'auto' })).toContain('WORKERS');
    expect(warnings({ WORKERS: '5', DATABASE_URL })).toContain('WORKERS');
    expect(faulty({ WORKERS: '2', DATABASE_URL: 'x' })).toEqual(['DATABASE_URL']);
  });
});

describe('the rest', () => {
  test('listeners', () => {
    expect(faulty({ HOST: 'http://h' })).toEqual(['HOST']);
    expect(config({ HOST: '::' }).listen.host).toBe('::');
    expect(faulty({ ADMIN_PORT: '3000' })).toEqual(['ADMIN_PORT']);
    expect(config({ PORT: '0', ADMIN_PORT: '0' }).admin.port).toBe(0);
    for (const port of ['-1', '65536', '080', '0x50', '3000.0', '3e3'])
      expect(faulty({ PORT: port })).toEqual(['PORT']);
  });

  test('a cookie for other sites needs https', () => {
    expect(faulty({ COOKIE_SAMESITE: 'none' })).toEqual(['COOKIE_SAMESITE']);
    expect(
      config({ COOKIE_SAMESITE: 'none', ISSUER_URL: 'https://a.example' }).cookieSameSite,
    ).toBe('none');
  });

  test('Argon2 never falls below its minimum', () => {
    expect(faulty({ ARGON2_MEMORY: '19455', ARGON2_TIME: '1', ARGON2_PARALLELISM: '0' })).toEqual([
      'ARGON2_MEMORY',
      'ARGON2_TIME',
      'ARGON2_PARALLELISM',
    ]);
  });

  test('brand', () => {
    const env = {
      BRAND_NAME: 'Böse & Söhne',
      BRAND_LOGO: 'https://a.example/l.svg',
      BRAND_COLOR: '#0B5fff',
    };
    expect(config(env).brand).toEqual({
      name: 'Böse & Söhne',
      logo: 'https://a.example/l.svg',
      color: '#0B5fff',
    });
    expect(faulty({ BRAND_COLOR: 'red;}', BRAND_LOGO: 'javascript:alert(1)' })).toEqual([
      'BRAND_LOGO',
      'BRAND_COLOR',
    ]);
  });

  test.each(['2048', '3072', '4096'])('keys of %s bits', (bits) => {
    expect(config({ KEY_BITS: bits }).keyBits).toBe(Number(bits));
  });

  test('the resource server alone needs an issuer and reads no key or mail settings', () => {
    const role = 'resource-server';
    expect(faulty({}, { role })).toEqual(['ISSUER_URL']);
    const env = {
      ISSUER_URL: 'http://localhost:3000',
      KEYS_DIR: 'k',
      KEY_ENCRYPTION_KEY: 'x',
      SMTP_URL: 'x',
      KEY_BITS: '1',
    };
    const alone = config(env, { role });
    expect(alone.dataDir).toBe('./data-todos');
    expect(alone.keyEncryptionKeys).toEqual({ from: 'directory', dir: './keys' });
    const production = {
      NODE_ENV: 'production',
      ISSUER_URL: 'https://a.example',
      DATABASE_URL,
      TRUST_PROXY: '1',
    };
    expect(warnings(production, { role })).toBe('');
  });

  test.each([
    ['DATABSE_URL', 'DATABASE_URL'],
    ['ACCES_TOKEN_TTL', 'ACCESS_TOKEN_TTL'],
    ['BRAND_COLOUR', 'BRAND_COLOR'],
    ['WORKER', 'WORKERS'],
    ['JWKS_URL', 'JWKS_URI'],
  ])('%s looks like %s', (given, meant) => {
    expect(warnings({ [given]: 'x' })).toBe(`${given}: unknown; did you mean ${meant}?`);
  });

  test('what every shell sets is no misspelling', () => {
    const shell = [
      'HOME',
      'HOSTNAME',
      'PATH',
      'PWD',
      'USER',
      'SHELL',
      'TERM',
      'LANG',
      'MAIL',
      'LOGNAME',
      'SHLVL',
      'EDITOR',
    ];
    expect(warnings(Object.fromEntries(shell.map((name) => [name, 'x'])))).toBe('');
    expect(warnings({ DATABSE_URL: '' })).toBe('');
  });
});
