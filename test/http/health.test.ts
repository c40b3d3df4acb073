import { describe, expect, onTestFinished, test } from 'vitest';
import { rotateCommand } from '../../src/issuer/keys/commands.ts';
import { manualClock } from '../../src/kit/clock.ts';
import { milliseconds, seconds } from '../../src/kit/duration.ts';
import { clientOf, freshEmail, PASSWORD } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { type KeyturnOptions, startKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';

describe.each(DRIVERS)('health and readiness on $name', (driver) => {
  async function start(options: KeyturnOptions = {}) {
    const keyturn = await startKeyturn(driver, options);
    onTestFinished(() => keyturn.close());
    const client = clientOf(keyturn);
    const expectAlive = async () => {
      const response = await client.get('/healthz');
      expect(response.status).toBe(200);
      expect(response.headers['content-type']).toBe('application/json');
      expect(response.headers['cache-control']).toBe('no-store');
      expect(response.headers['x-request-id']).toMatch(/./);
      expect(response.body).toEqual({ status: 'ok' });
    };
    const expectUnready = async (why: RegExp) => {
      const response = await client.get('/readyz');
      expectProblem(response, 503, 'unavailable');
      expect(Number(response.headers['retry-after'])).toBeGreaterThan(0);
      expect(response.body.detail).toMatch(why);
    };
    return { keyturn, client, expectAlive, expectUnready };
  }

  test('before the boot it lives and serves nothing; after it, it is ready', async () => {
    const { keyturn, client, expectAlive, expectUnready } = await start({ boot: false });
    await expectAlive();
    await expectUnready(/starting/);
    const credentials = { email: freshEmail(), password: PASSWORD };
    expectProblem(await client.post('/api/auth/login', credentials), 503, 'unavailable');
    expectProblem(await client.get('/.well-known/jwks.json'), 503, 'unavailable');
    await keyturn.boot();
    await expectAlive();
    const ready = await client.get('/readyz');
    expect(ready.status).toBe(200);
    expect(ready.body).toEqual({ status: 'ok' });
    expect(ready.headers['cache-control']).toBe('no-store');
    expectProblem(await client.post('/api/auth/login', credentials), 401, 'invalid_credentials');
    expect((await client.get('/.well-known/jwks.json')).status).toBe(200);
  });

  test('before the boot a browser is shown a page that loads by itself, but for a form', async () => {
    const { keyturn, client } = await start({ boot: false });
    const browser = { Accept: 'text/html', Host: new URL(keyturn.config.issuer).host };
    const page = await client.get('/login', browser);
    expect(page.status).toBe(503);
    expect(page.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-length': String(Buffer.byteLength(page.text)),
      refresh: page.headers['retry-after'],
    });
    expect(Number(page.headers['retry-after'])).toBeGreaterThan(0);
    expect(page.text).toContain('Keyturn is starting');
    // It is not to be sent again, nor lost to a page without what was typed.
    const sent = await client.post('/login', undefined, browser);
    expect(sent.status).toBe(503);
    expect(sent.headers).not.toHaveProperty('refresh');
    await keyturn.boot();
    const login = await client.get('/login', browser);
    expect(login.status).toBe(200);
    expect(login.headers).not.toHaveProperty('refresh');
  });

  test('while draining it is not ready and serves on', async () => {
    const { keyturn, client, expectAlive, expectUnready } = await start();
    keyturn.beginDraining();
    await expectUnready(/shutting down/);
    await expectAlive();
    const ann = await client.register();
    expect((await client.refresh(ann.refreshToken)).status).toBe(200);
  });

  test('without its database it lives, shows its keys and answers 503', async () => {
    const { keyturn, client, expectAlive, expectUnready } = await start();
    const ann = await client.register();
    await keyturn.database.close();
    await expectUnready(/database/);
    await expectAlive();
    expect((await client.get('/.well-known/jwks.json')).status).toBe(200);
    const login = { email: ann.email, password: PASSWORD };
    const refusals = [
      await client.post('/api/auth/login', login),
      await client.post('/api/auth/register', { ...login, email: freshEmail(), name: 'Ann' }),
      await client.refresh(ann.refreshToken),
      await client.logout(ann.refreshToken),
      await client.me(ann),
    ];
    for (const response of refusals) expectProblem(response, 503, 'unavailable');
    // What needs no database is judged as ever.
    expectProblem(await client.refresh('garbage'), 401, 'invalid_refresh_token');
    expectProblem(await client.me({ accessToken: 'garbage' }), 401, 'token_malformed');
  });

  test('without a lease on its keys it signs nothing, and consumes nothing', async () => {
    const clock = manualClock();
    const options = { clock, env: { KEY_LEASE: '1h' } };
    const { keyturn, client, expectAlive, expectUnready } = await start(options);
    // Nobody reads them anew, as one does soon after the start who has begun to listen for changes.
    await keyturn.parts.issuer?.jobs.stop();
    const ann = await client.register();
    const everything = async () => ({
      users: await keyturn.sql('SELECT * FROM users'),
      sessions: await keyturn.sql('SELECT * FROM sessions'),
    });
    const before = await everything();
    clock.advance(seconds(3600));
    await expectAlive();
    await expectUnready(/signing key/);
    expect((await client.get('/.well-known/jwks.json')).status).toBe(200);
    const login = { email: ann.email, password: PASSWORD };
    const refusals = [
      await client.refresh(ann.refreshToken),
      await client.post('/api/auth/login', login),
      await client.post('/api/auth/register', { ...login, email: freshEmail(), name: 'Ann' }),
    ];
    for (const response of refusals) expectProblem(response, 503, 'unavailable');
    expect(await everything()).toEqual(before);
    expect((await client.logout(ann.refreshToken)).status).toBe(204);
  });

  test('a retired key is gone to the millisecond, though nobody reads the keys anew', async () => {
    const { keyturn } = await start();
    const { issuer } = keyturn.parts;
    if (!issuer) throw new Error('there is no issuer');
    const { keyring, transitions, jobs } = issuer;
    await jobs.stop();
    const published = () =>
      JSON.parse(keyring.jwks().body.toString()).keys.map(({ kid }: { kid: string }) => kid);
    const [kid] = published();
    const { keys } = await rotateCommand(transitions, { force: true, ifDue: false, dryRun: false });
    await keyring.poll();
    const goneAt = Date.parse(String(keys.find((key) => key.kid === kid)?.gone_at));
    keyturn.clock.advance(milliseconds(goneAt - Number(keyturn.clock.now()) - 1));
    expect([published().includes(kid), keyring.resolve(kid) !== undefined]).toEqual([true, true]);
    keyturn.clock.advance(milliseconds(1));
    expect([published().includes(kid), keyring.resolve(kid) !== undefined]).toEqual([false, false]);
  });

  test('a lease on its keys counts from before they were read', async () => {
    const clock = manualClock();
    const { keyturn } = await start({ clock, env: { KEY_LEASE: '1h' } });
    // Nobody else reads them meanwhile.
    await keyturn.parts.issuer?.jobs.stop();
    const keyring = keyturn.parts.issuer?.keyring;
    const reading = keyring?.poll();
    clock.advance(seconds(3000));
    await reading;
    clock.advance(seconds(599));
    expect(keyring?.canSign()).toBe(true);
    clock.advance(seconds(1));
    expect(keyring?.canSign()).toBe(false);
  });
});
