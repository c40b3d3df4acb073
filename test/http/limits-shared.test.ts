import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Client, clientOf, freshEmail, PASSWORD } from '../support/client.ts';
import { DRIVERS, newDirectory, type Storage, type TestDriver } from '../support/databases.ts';
import { startKeyturn } from '../support/keyturn.ts';

const WRONG = 'not the password at all';
const ENV = { RATE_LIMIT: 'on', TRUST_PROXY: '1' };

/** Starts one Keyturn after the other, or several beside each other, on one database. */
async function house(driver: TestDriver) {
  const storage = await driver.create();
  onTestFinished(() => storage.drop());
  const env = { ...ENV, KEYS_DIR: join(await newDirectory(), 'keys') };
  // A replica has a directory of its own; the embedded database is one.
  const place = async (): Promise<Storage> => ({
    ...storage,
    ...(storage.url !== undefined && { dataDir: await newDirectory() }),
    drop: async () => {},
  });
  return () => startKeyturn({ ...driver, create: place }, { env });
}

const calls = (client: Client, address: string) => {
  const headers = { 'X-Forwarded-For': address };
  return {
    register: (email: string) =>
      client.post('/api/auth/register', { email, password: PASSWORD, name: 'Ann' }, headers),
    logIn: (email: string, password: string) =>
      client.post('/api/auth/login', { email, password }, headers),
    refresh: () => client.post('/api/auth/refresh', { refresh_token: 'ktr_garbage' }, headers),
  };
};

describe.each(DRIVERS)('limits on $name', (driver) => {
  test('outlast a restart', async () => {
    const start = await house(driver);
    const email = freshEmail();
    const first = await start();
    const before = calls(clientOf(first), '198.51.100.1');
    expect((await calls(clientOf(first), '203.0.113.1').register(email)).status).toBe(201);
    for (let i = 0; i < 10; i++) expect((await before.logIn(email, WRONG)).status).toBe(401);
    for (let i = 0; i < 60; i++) expect((await before.refresh()).status).toBe(401);
    await first.close();

    const second = await start();
    onTestFinished(() => second.close());
    const after = calls(clientOf(second), '198.51.100.1');
    expect((await after.refresh()).status).toBe(429);
    expect((await after.logIn(email, PASSWORD)).status).toBe(429);
    expect((await calls(clientOf(second), '203.0.113.1').logIn(email, PASSWORD)).status).toBe(200);
  });
});

const postgres = DRIVERS.filter(({ kind }) => kind === 'postgres');
describe.each(postgres)('three replicas on $name', (driver) => {
  test('share their limits', async () => {
    const start = await house(driver);
    // The first makes the keys.
    const replicas = [await start(), ...(await Promise.all([start(), start()]))];
    onTestFinished(async () => void (await Promise.all(replicas.map((one) => one.close()))));
    const clients = replicas.map((one) => calls(clientOf(one), '198.51.100.1'));
    const at = (i: number) => clients[i % 3] as ReturnType<typeof calls>;

    const refused = Array.from({ length: 90 }, (_, i) => at(i).refresh());
    const found = (await Promise.all(refused)).map(({ status }) => status).sort();
    expect(found).toEqual([...Array(60).fill(401), ...Array(30).fill(429)]);

    const email = freshEmail();
    for (let i = 0; i < 10; i++) expect((await at(i).logIn(email, WRONG)).status).toBe(401);
    for (let i = 0; i < 3; i++) expect((await at(i).logIn(email, WRONG)).status).toBe(429);
  });
});
