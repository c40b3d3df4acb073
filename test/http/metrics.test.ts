import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { createAdmin } from '../../src/http/admin.ts';
import { seconds } from '../../src/kit/duration.ts';
import { createLogger } from '../../src/kit/log.ts';
import { VERSION } from '../../src/kit/version.ts';
import { aggregate } from '../../src/metrics/aggregate.ts';
import { createWorkerMetrics } from '../../src/metrics/workers.ts';
import { createMetrics } from '../../src/metrics.ts';
import { bearer, browserAt, type Client, clientOf } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { readExposition, unchanging } from '../support/exposition.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { type AlertRule, firing } from '../support/promql/alerts.ts';
import type { Labels } from '../support/promql/evaluate.ts';
import { parsePromql, selectorsOf } from '../support/promql/parse.ts';

const root = join(import.meta.dirname, '../..');
const text = (path: string) => readFileSync(join(root, path), 'utf8');

describe.each(DRIVERS)('metrics on $name', (driver) => {
  let keyturn: TestKeyturn;
  let client: Client;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver, { env: { RATE_LIMIT: 'off' } });
    client = clientOf(keyturn);
  });
  afterAll(() => keyturn.close());

  const scrape = async () => readExposition((await keyturn.metrics.render()).text);
  /** By how much a series grows while `work` is done. */
  async function growth(name: string, labels: Labels, work: () => Promise<unknown>) {
    const before = (await scrape()).value(name, labels);
    await work();
    return ((await scrape()).value(name, labels) ?? 0) - (before ?? 0);
  }

  test('logins are counted by how they ended', async () => {
    const somebody = await client.register();
    const counted = (result: string, password?: string) =>
      growth('keyturn_logins_total', { result }, () =>
        client.post('/api/auth/login', {
          email: somebody.email,
          password: password ?? 'not the right one',
        }),
      );
    expect(await counted('invalid_credentials')).toBe(1);
    expect(await counted('ok', 'correct horse battery staple')).toBe(1);
    expect(await counted('ok')).toBe(0);
    const event = { event: 'logged_in' };
    expect(await growth('keyturn_auth_events_total', event, () => client.login(somebody))).toBe(1);
  });

  test('refreshes are counted by what became of the token', async () => {
    const refreshes = (result: string, token: string) =>
      growth('keyturn_refreshes_total', { result }, () => client.refresh(token));
    const first = (await client.register()).refreshToken;
    expect(await refreshes('rotated', first)).toBe(1);
    expect(await refreshes('replayed', first)).toBe(1);
    keyturn.clock.advance(seconds(31));
    expect(await refreshes('recovered', first)).toBe(1);
    keyturn.clock.advance(seconds(31));
    expect(await refreshes('stolen', first)).toBe(1);
    expect(await refreshes('over', first)).toBe(1);
    expect(await refreshes('invalid', 'ktr_rubbish')).toBe(1);
    const { email, refreshToken } = await client.register();
    const browser = browserAt(keyturn);
    await browser.login(email);
    const kept = { result: 'kept' };
    expect(await growth('keyturn_refreshes_total', kept, () => browser.refresh())).toBe(1);
    // Consumed a minute before its life was over, and presented again when it is.
    keyturn.clock.advance(seconds(7 * 86_400 - 60));
    expect(await refreshes('rotated', refreshToken)).toBe(1);
    keyturn.clock.advance(seconds(60));
    expect(await refreshes('expired', refreshToken)).toBe(1);
  });

  test('access tokens are counted by verdict, at the issuer and at the resource server', async () => {
    const { accessToken, sessionId } = await client.register();
    for (const path of ['/api/auth/me', '/api/users/me/todos']) {
      const validated = (result: string, headers: Record<string, string> = {}) =>
        growth('keyturn_token_validations_total', { result }, () => client.get(path, headers));
      expect(await validated('ok', bearer(accessToken))).toBe(1);
      expect(await validated('token_missing')).toBe(1);
      expect(await validated('token_malformed', bearer('rubbish'))).toBe(1);
      const forged = `${accessToken.slice(0, -4)}AAAA`;
      expect(await validated('token_signature_invalid', bearer(forged))).toBe(1);
    }
    await client.delete(`/api/auth/sessions/${sessionId}`, bearer(accessToken)).expect(204);
    const ended = { result: 'session_ended' };
    const ask = () => client.get('/api/auth/me', bearer(accessToken));
    expect(await growth('keyturn_token_validations_total', ended, ask)).toBe(1);
  });

  test("attempts at another user's todos are counted", async () => {
    const [ann, bob] = [await client.register(), await client.register()];
    const trespass = () =>
      client.get(`/api/users/${bob.userId}/todos`, bearer(ann.accessToken)).expect(403);
    expect(await growth('keyturn_cross_user_access_total', {}, trespass)).toBe(1);
    const event = { event: 'cross_user_access' };
    expect(await growth('keyturn_auth_events_total', event, trespass)).toBe(1);
  });

  test('requests are counted by pattern and class of status, whatever their path', async () => {
    const requests = (labels: Labels, path: string) =>
      growth('keyturn_http_request_duration_seconds_count', { method: 'GET', ...labels }, () =>
        client.get(path),
      );
    const jwks = '/.well-known/jwks.json';
    expect(await requests({ route: jwks, status: '2xx' }, jwks)).toBe(1);
    expect(await requests({ route: 'none', status: '4xx' }, '/somewhere/else')).toBe(1);
    const id = '/api/auth/sessions/:id';
    const path = id.replace(':id', 'of-somebody');
    const refused = { method: 'DELETE', route: id, status: '4xx' };
    const count = 'keyturn_http_request_duration_seconds_count';
    expect(await growth(count, refused, () => client.delete(path))).toBe(1);
    const { samples } = await scrape();
    expect(JSON.stringify(samples)).not.toMatch(/of-somebody|somewhere/);
  });

  test('gauges tell of keys, hashes, connections and mails', async () => {
    const { value, samples } = await scrape();
    const published = (state: string) => value('keyturn_published_keys', { state });
    expect(['active', 'next', 'retiring'].map(published)).toEqual([1, 1, 0]);
    expect(value('keyturn_can_sign')).toBe(1);
    const age = value('keyturn_signing_key_age_seconds');
    keyturn.clock.advance(seconds(100));
    expect((await scrape()).value('keyturn_signing_key_age_seconds')).toBe((age ?? 0) + 100);
    const rotation = value('keyturn_next_rotation_timestamp_seconds') ?? 0;
    expect(rotation).toBeGreaterThan(keyturn.clock.now().getTime() / 1000);
    expect(value('keyturn_password_hashes', { state: 'running' })).toBe(0);
    expect(value('keyturn_database_connections', { state: 'busy' })).toBeGreaterThanOrEqual(0);
    expect(value('keyturn_mail_waiting')).toBeGreaterThanOrEqual(0);
    expect(value('keyturn_build_info', { version: VERSION })).toBe(1);
    // It is switched off here: neither good nor bad.
    expect(samples.some(({ name }) => name.startsWith('keyturn_self_check'))).toBe(false);
  });

  test('two servers in one process count for themselves', async () => {
    const other = await startKeyturn(driver);
    await clientOf(other).get('/healthz').expect(200);
    const theirs = readExposition((await other.metrics.render()).text);
    const labels = { route: '/api/auth/login', status: '2xx' };
    expect(theirs.value('keyturn_http_request_duration_seconds_count', labels)).toBeUndefined();
    await other.close();
  });

  test('the documented metrics are the exported ones, with their types and labels', async () => {
    const { types, samples } = await scrape();
    const rows = [
      ...text('docs/metrics.md').matchAll(/^\| `(keyturn_\w+)` \| (\w+) \| (.*?) \|/gm),
    ];
    const documented = rows.map(([, name = '', type, labels = '']) => ({
      name,
      type,
      labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label).sort(),
    }));
    const elsewhere = ['keyturn_workers', 'keyturn_worker_restarts_total'];
    const here = documented.filter(({ name }) => !elsewhere.includes(name));
    const sampleOf = (name: string) =>
      samples.find((sample) => sample.name.replace(/_(bucket|sum|count)$/, '') === name);
    const exported = [...types].map(([name, type]) => ({
      name,
      type,
      labels: Object.keys(sampleOf(name)?.labels ?? {})
        .filter((label) => label !== 'le')
        .sort(),
    }));
    const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name);
    expect(exported.sort(byName)).toEqual(here.sort(byName));
  });

  test('a server that is well sets off no alert', async () => {
    const series = unchanging(await scrape(), 60);
    const { groups } = parse(text('examples/monitoring/alerts.yml'));
    const rules: AlertRule[] = groups.flatMap(({ rules }: { rules: AlertRule[] }) => rules);
    expect(rules.length).toBeGreaterThan(10);
    expect(rules.flatMap((rule) => firing(rule, series, 3600))).toEqual([]);
  });
});

describe('the private listener', () => {
  const log = createLogger({ level: 'fatal', format: 'json', destination: { write() {} } });
  const answer = { contentType: 'text/plain; version=0.0.4', text: 'keyturn_can_sign 1\n' };
  const admin = (metrics: () => Promise<typeof answer> = async () => answer) =>
    request(createAdmin({ log, metrics }));

  test('serves /metrics', async () => {
    const { text, headers } = await admin().get('/metrics?x=1').expect(200);
    expect(text).toBe(answer.text);
    expect(headers).toMatchObject({
      'content-type': answer.contentType,
      'cache-control': 'no-store',
      'x-request-id': expect.any(String),
    });
    await admin().head('/metrics').expect(200, undefined);
  });

  test('serves nothing else', async () => {
    for (const path of ['/', '/healthz', '/metrics/', '/.well-known/jwks.json', '/api/auth/me']) {
      const { body } = await admin().get(path).expect(404);
      expect(body.code).toBe('not_found');
    }
    const { headers } = await admin().post('/metrics').expect(405);
    expect(headers.allow).toBe('GET, HEAD, OPTIONS');
  });

  test('tells no stranger why it fails', async () => {
    const { body } = await admin(() => Promise.reject(new Error('s3cret')))
      .get('/metrics')
      .expect(500);
    expect(JSON.stringify(body)).not.toContain('s3cret');
  });
});

test('the dashboard and the alerts name only metrics and labels that are exported', async () => {
  const metrics = createMetrics({ version: VERSION });
  await metrics.watchProcess();
  const exported = readExposition((await metrics.render()).text).types;
  const workers = readExposition(await aggregatedWorkers()).types;
  const known = new Set([...exported.keys(), ...workers.keys(), 'up']);
  const { panels } = JSON.parse(text('examples/monitoring/dashboard.json'));
  const { groups } = parse(text('examples/monitoring/alerts.yml'));
  const expressions: string[] = [
    ...panels.flatMap((panel: { targets?: { expr: string }[] }) =>
      (panel.targets ?? []).map(({ expr }) => expr.replace('$__rate_interval', '5m')),
    ),
    ...groups.flatMap(({ rules }: { rules: AlertRule[] }) => rules.map(({ expr }) => expr)),
  ];
  expect(expressions.length).toBeGreaterThan(40);
  const names = expressions
    .flatMap((expression) => selectorsOf(parsePromql(expression)))
    .map(({ name }) => name.replace(/_(bucket|count|sum)$/, ''));
  expect(names.filter((name) => !known.has(name))).toEqual([]);
  expect(new Set(names).size).toBeGreaterThan(20);
});

const aggregatedWorkers = async () =>
  (await aggregate([await createWorkerMetrics().snapshot()])).text;

test('VERSION is that of package.json', () => {
  expect(VERSION).toBe(JSON.parse(text('package.json')).version);
});
