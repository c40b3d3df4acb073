import { execFile } from 'node:child_process';
import { readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { CronJob } from 'kubernetes-models/batch/v1';
import type { PodSpec } from 'kubernetes-models/v1';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { VARIABLES } from '../../src/config/variables.ts';
import { parseDuration, seconds, sum } from '../../src/kit/duration.ts';
import { config, faulty, warnings } from '../support/config.ts';
import { newDirectory } from '../support/databases.ts';

const run = promisify(execFile);
const CHECKOUT = join(import.meta.dirname, '../..');
const DIRECTORY = join(CHECKOUT, 'examples/kubernetes');

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  // biome-ignore lint/suspicious/noExplicitAny: what is in it is the schemas' to say.
  readonly spec: any;
  readonly data: Record<string, string>;
  readonly stringData: Record<string, string>;
}

const applied = (await readdir(DIRECTORY)).filter((name) => name.endsWith('.yaml'));
const files = [...applied, 'secrets/secrets.yaml'];
const manifests: Manifest[] = [];
for (const name of files) {
  const documents = parseAllDocuments(await readFile(join(DIRECTORY, name), 'utf8'));
  for (const document of documents) manifests.push(document.toJS() as Manifest);
}

const the = (kind: string, name = 'keyturn'): Manifest => {
  const found = manifests.find((one) => one.kind === kind && one.metadata.name === name);
  if (!found) throw new Error(`no ${kind} ${name}`);
  return found;
};
const deployment = the('Deployment').spec;
const server: PodSpec = deployment.template.spec;
const { jobTemplate } = (the('CronJob', 'keyturn-rotate') as unknown as CronJob).spec ?? {};
const rotation = jobTemplate?.spec?.template.spec as PodSpec;
const labels = deployment.template.metadata.labels;

/** The module that has a manifest's kind: core kinds have no group. */
const moduleOf = ({ apiVersion }: Manifest) => `kubernetes-models/${apiVersion}`;

/** What a container gets, with secrets as their shape has them unless `secrets` says better. */
function environment(pod: PodSpec, secrets: Record<string, string> = {}): Record<string, string> {
  const [container] = pod.containers;
  const sources = (container?.envFrom ?? []).map(({ configMapRef, secretRef }) =>
    configMapRef
      ? the('ConfigMap', configMapRef.name).data
      : { ...the('Secret', secretRef?.name).stringData, ...secrets },
  );
  const own = (container?.env ?? []).map(({ name, value = '' }) => [name, value]);
  const image = { NODE_ENV: 'production', HOST: '0.0.0.0', DATA_DIR: '/var/lib/keyturn' };
  return Object.assign(image, ...sources, Object.fromEntries(own));
}
const SECRETS = {
  DATABASE_URL: 'postgres://keyturn:secret@postgres:5432/keyturn?sslmode=verify-full',
  SMTP_URL: 'smtps://user:secret@mail.example.com',
};

describe('the manifests', () => {
  test('are what the API takes', async () => {
    expect(applied.length).toBeGreaterThan(6);
    for (const manifest of manifests) {
      const models = await import(moduleOf(manifest));
      const Model = models[manifest.kind];
      expect(() => new Model(manifest).validate(), manifest.kind).not.toThrow();
    }
    const { Deployment } = await import('kubernetes-models/apps/v1');
    const wrong = { ...the('Deployment'), spec: { ...deployment, replicas: 'two' } };
    expect(() => new Deployment(wrong as never).validate()).toThrow('spec/replicas');
  });

  test('have no field that the API does not know', async () => {
    const project = await newDirectory();
    await symlink(join(CHECKOUT, 'node_modules'), join(project, 'node_modules'));
    const typed = (manifest: object, of: Manifest) =>
      `(${JSON.stringify(manifest)}) satisfies import('${moduleOf(of)}').I${of.kind};\n`;
    await writeFile(join(project, 'good.ts'), manifests.map((one) => typed(one, one)).join(''));
    const budget = the('PodDisruptionBudget');
    const wrong = { ...budget, spec: { ...budget.spec, minAvailabel: 1 } };
    await writeFile(join(project, 'bad.ts'), typed(wrong, budget));
    const tsc = join(CHECKOUT, 'node_modules/typescript/bin/tsc');
    const options =
      '--ignoreConfig --noEmit --strict --skipLibCheck --target es2024 --module nodenext';
    const check = (file: string) =>
      run(process.execPath, [tsc, ...options.split(' '), '--types', '', file], { cwd: project });
    expect(await check('good.ts')).toEqual({ stdout: '', stderr: '' });
    await expect(check('bad.ts')).rejects.toMatchObject({
      stdout: expect.stringContaining('\'"minAvailabel"\' does not exist'),
    });
  });
});

describe('the pods', () => {
  test.each([
    ['server', server],
    ['rotation', rotation],
  ])('of the %s start with their environment, once the secrets are real', (_, pod) => {
    const env = environment(pod, SECRETS);
    expect(Object.keys(env).filter((name) => !(name in VARIABLES))).toEqual([]);
    expect(config(env)).toMatchObject({ production: true, issuer: 'https://id.example.com' });
    expect(
      warnings(env)
        .split('\n')
        .map((line) => line.split(':')[0]),
    ).toEqual(['ADMIN_HOST']);
    expect(faulty(environment(pod)).sort()).toEqual(['DATABASE_URL', 'SMTP_URL']);
  });

  test('of the rotation know every time that the servers know', () => {
    expect(config(environment(rotation, SECRETS)).times).toEqual(
      config(environment(server, SECRETS)).times,
    );
    expect(rotation.containers[0]?.image).toBe(server.containers[0]?.image);
  });

  test.each([
    ['server', server],
    ['rotation', rotation],
  ])('of the %s meet the restricted Pod Security Standard, and write nowhere else', (_, pod) => {
    expect(pod).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    });
    for (const container of pod.containers) {
      expect(container).toMatchObject({
        resources: { requests: {}, limits: {} },
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        },
      });
      const names = container.volumeMounts?.map(({ name }) => name);
      expect(names).toEqual(pod.volumes?.map(({ name }) => name));
      const key = environment(pod).KEY_ENCRYPTION_KEY_FILE ?? '';
      const mount = container.volumeMounts?.find(({ name }) => name === 'key');
      const secret = pod.volumes?.find(({ name }) => name === 'key')?.secret?.secretName;
      const [item] = Object.keys(the('Secret', secret).stringData);
      expect(`${mount?.mountPath}/${item}`).toBe(key);
    }
  });

  test('of the server have the time that a shutdown takes', () => {
    const { drainDelay } = config(environment(server, SECRETS)).times;
    const grace = parseDuration(`${server.terminationGracePeriodSeconds}s`) ?? seconds(0);
    expect(grace).toBeGreaterThan(sum(drainDelay, seconds(12)));
  });

  test('of the server are asked at what they listen on', () => {
    const [container] = server.containers;
    const { listen, admin } = config(environment(server, SECRETS));
    expect(container?.ports).toEqual([
      { name: 'http', containerPort: listen.port },
      { name: 'metrics', containerPort: admin.port },
    ]);
    const asked = { port: 'http' };
    expect(container?.readinessProbe?.httpGet).toEqual({ path: '/readyz', ...asked });
    expect(container?.livenessProbe?.httpGet).toEqual({ path: '/healthz', ...asked });
    expect(container?.startupProbe?.httpGet).toEqual({ path: '/healthz', ...asked });
    const { annotations } = deployment.template.metadata;
    expect(annotations['prometheus.io/port']).toBe(String(admin.port));
  });
});

describe('what is around the pods', () => {
  test('finds them', () => {
    expect(deployment.replicas).toBeGreaterThan(the('PodDisruptionBudget').spec.minAvailable);
    expect(the('Service').spec.selector).toEqual(labels);
    const { selector: budgeted } = the('PodDisruptionBudget').spec;
    const { podSelector: guarded } = the('NetworkPolicy').spec;
    for (const { matchLabels } of [deployment.selector, budgeted, guarded]) {
      expect(matchLabels).toEqual(labels);
    }
  });

  test('lets the world to the public listener alone', () => {
    const [port] = the('Service').spec.ports;
    expect(the('Service').spec.ports).toEqual([{ name: 'http', port: 80, targetPort: 'http' }]);
    const { rules, tls } = the('Ingress').spec;
    const host = new URL(config(environment(server, SECRETS)).issuer).hostname;
    expect(tls[0].hosts).toEqual([host]);
    expect(rules).toMatchObject([
      {
        host,
        http: { paths: [{ backend: { service: { name: 'keyturn', port: { name: port.name } } } }] },
      },
    ]);
    const policies = the('NetworkPolicy').spec.ingress as { ports: { port: string }[] }[];
    const opened = policies.map(({ ports }) => ports.map(({ port }) => port).join());
    expect(opened).toEqual(['http', 'metrics']);
  });
});
