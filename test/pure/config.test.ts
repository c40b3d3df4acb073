import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { VARIABLES, type VariableName, variable } from '../../src/config/variables.ts';
import { parseConfig } from '../../src/config.ts';
import { formatDuration } from '../../src/kit/duration.ts';
import {
  config,
  type Env,
  faulty,
  KEY,
  message,
  OPTIONS,
  PRODUCTION,
  warnings,
} from '../support/config.ts';

test('an empty environment is the contract’s defaults', () => {
  const { times, ...rest } = config();
  expect(rest).toEqual({
    production: false,
    role: 'all',
    listen: { host: '127.0.0.1', port: 3000 },
    admin: { host: '127.0.0.1', port: 9464 },
    issuer: 'http://localhost:3000',
    audience: 'http://localhost:3000',
    database: { url: undefined, prepared: true },
    dataDir: './data',
    keyEncryptionKeys: { from: 'directory', dir: './keys' },
    allowedOrigins: [],
    cookieSameSite: 'lax',
    trustProxy: 0,
    mail: undefined,
    registration: 'open',
    emailVerification: 'optional',
    passwordMinLength: 8,
    argon2: { memory: 19_456, time: 2, parallelism: 1 },
    rateLimit: true,
    workers: 1,
    keyBits: 2048,
    jwksUri: undefined,
    selfCheck: true,
    todoApp: true,
    brand: { name: 'Keyturn' },
    log: { level: 'info', format: 'json' },
  });
  expect(Object.fromEntries(Object.entries(times).map(([k, v]) => [k, formatDuration(v)]))).toEqual(
    {
      accessTokenTtl: '15m',
      refreshTokenTtl: '7d',
      sessionMaxTtl: '30d',
      refreshReplayWindow: '30s',
      keyRotationInterval: '30d',
      verifierCacheTtl: '1d',
      jwksMaxAge: '5m',
      clockSkew: '1m',
      keyLease: '1m',
      jwksCacheTtl: '1h',
      jwksStartupTimeout: '30s',
      drainDelay: '3s',
      auditRetention: '365d',
    },
  );
  expect(warnings({})).toBe('');
});

test('without todos in this process there is no app for them', () => {
  expect(config({}, { role: 'all' }).todoApp).toBe(true);
  expect(config({ TODO_APP: 'on' }, { role: 'issuer' }).todoApp).toBe(false);
});

test('the table’s defaults are what an unset or empty variable means', () => {
  const names = Object.keys(VARIABLES) as VariableName[];
  const defaults = names.map((name) => [name, variable(name).default] as const);
  expect(config(Object.fromEntries(defaults))).toEqual(config());
  expect(config(Object.fromEntries(names.map((name) => [name, ''])))).toEqual(config());
});

test('every variable is read, and its example is a good one', () => {
  for (const name of Object.keys(VARIABLES) as VariableName[]) {
    const quoted = /^"(.*)"$/.exec(variable(name).example);
    const example = name === 'KEY_ENCRYPTION_KEY' ? KEY : (quoted?.[1] ?? variable(name).example);
    expect(faulty({ ...PRODUCTION, EMBEDDED_DATABASE: 'yes', [name]: example }), name).toEqual([]);
  }
  // A text that no closed set or format holds; free texts are seen in the configuration.
  const odd = ' \u0001\n';
  const free: Env = { DATA_DIR: odd, KEYS_DIR: odd, KEY_ENCRYPTION_KEY_FILE: odd };
  for (const name of Object.keys(VARIABLES) as VariableName[]) {
    if (name === 'NODE_ENV') continue;
    const result = parseConfig({ [name]: odd }, OPTIONS);
    if (name in free) expect(JSON.stringify(result), name).toContain(JSON.stringify(odd));
    else expect('faults' in result ? result.faults.map((f) => f.name) : [], name).toContain(name);
  }
  expect(warnings({ NODE_ENV: 'prod' })).toContain('NODE_ENV');
  expect(config({ NODE_ENV: 'production', ...PRODUCTION }).production).toBe(true);
});

test('one message names every fault, what is wrong and a good example', () => {
  const text = message({
    PORT: '70000',
    ACCESS_TOKEN_TTL: '15',
    LOG_LEVEL: 'loud',
    ISSUER_URL: 'nope',
  });
  for (const name of ['PORT', 'ACCESS_TOKEN_TTL', 'LOG_LEVEL']) {
    expect(text).toContain(`${name}=${variable(name as VariableName).example}`);
  }
  expect(text).toContain('"70000" is not a whole number from 0 to 65535');
  expect(text).toContain('"15" is not a whole number followed by s, m, h or d');
  expect(text).toContain('"loud" is none of trace, debug, info, warn, error, fatal');
  expect(text).toContain('"nope" is not a URL');
});

test('no fault or warning shows a secret, however it is mangled', () => {
  const secret = 'tr0ub4dor';
  const values = fc.constantFrom(
    `postgres://u:${secret}@h@x/db`,
    `postgres://u:${secret}%zz@h/db`,
    `mysql://u:${secret}@h`,
    `postgres://u:${secret}@h:99999`,
    `smtp://u:${secret}%@h`,
    `https://u:${secret}@h:99999/`,
    `https://u:${secret}@h`,
    `${secret}`,
  );
  const names = fc.constantFrom('DATABASE_URL', 'SMTP_URL', 'KEY_ENCRYPTION_KEY');
  fc.assert(
    fc.property(names, values, fc.boolean(), (name, value, production) => {
      const result = parseConfig({ ...(production ? PRODUCTION : {}), [name]: value }, OPTIONS);
      expect(JSON.stringify(result)).not.toContain(secret);
    }),
  );
  for (const name of ['ISSUER_URL', 'JWKS_URI', 'ALLOWED_ORIGINS', 'BRAND_LOGO']) {
    for (const value of [`https://u:${secret}@h:99999/`, `https://u:${secret}@h`]) {
      expect(faulty({ [name]: value })).toEqual([name]);
      expect(message({ [name]: value })).not.toContain(secret);
    }
  }
});

test('whatever the environment holds, the answer is a configuration or faults', () => {
  const names = fc.constantFrom(...Object.keys(VARIABLES));
  const values = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.webUrl({ withFragments: true, withQueryParameters: true }),
    fc.constantFrom('0', '0s', '1s', 'on', 'off', 'auto', 'http://', 'postgres://', '%', ','),
  );
  fc.assert(
    fc.property(fc.dictionary(names, values), (env) => {
      const result = parseConfig(env, OPTIONS);
      if ('faults' in result) expect(result.faults.length).toBeGreaterThan(0);
      else expect(new URL(result.config.issuer).origin).toBe(result.config.issuer);
    }),
  );
});

test('docs/configuration.md has a row with the right default for every variable, and no other', () => {
  const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `([A-Z0-9_]+)` \| ([^|]+) \|/gm)].map(([, name, shown]) => [
    name,
    shown,
  ]);
  const table = (Object.keys(VARIABLES) as VariableName[]).map((name) => {
    const { default: text, shown } = variable(name);
    return [name, text === undefined ? shown : `\`${text}\``];
  });
  expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(table));
  expect(rows).toHaveLength(table.length);
});
