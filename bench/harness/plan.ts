import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

/** How long and how often to measure; times in milliseconds. */
export interface Plan {
  readonly quick: boolean;
  readonly repetitions: number;
  readonly warmUp: number;
  /** One repetition of a cheap call. */
  readonly run: number;
  /** One repetition of a call that hashes a password. */
  readonly hashRun: number;
  /** One of the ten stretches of the soak. */
  readonly soakRun: number;
}

/** What the command line asks for. */
export interface Options {
  readonly plan: Plan;
  /** Undefined: all. */
  readonly scenarios: readonly string[] | undefined;
  /** Whether to measure the peers. */
  readonly peers: boolean;
  /** Where to write the results as JSON. */
  readonly json: string | undefined;
  /** Where the server writes its CPU profile when it ends. */
  readonly profile: string | undefined;
  /** Flags of Node.js for the server, to try what they change. */
  readonly nodeFlags: readonly string[];
  /** The server's log. */
  readonly log: string;
  /** Whether PostgreSQL waits for the disk, as it does by default. */
  readonly fsync: boolean;
  /** The file that is run as the server. */
  readonly entry: string;
}

/** The help text. */
export const USAGE = `npm run bench -- [--scenario NAME]... [--peers] [--quick] [--json FILE] [--profile DIRECTORY]
                 [--log FILE] [--no-fsync] [--node-flag=FLAG]...

  --scenario   start, jwks, healthz, me, login, register, refresh, todos, verify, flood or soak; more than once;
               only by name: workers and growth, which take minutes, and pages, which needs Chromium
  --peers      Keyturn beside Better Auth, oidc-provider and OpenAuth, which are installed in bench/peers
               at the first time; alone, unless scenarios are named as well
  --quick      short runs, for trying the bench itself; its figures are worth little
  --json       write all results to FILE as well
  --profile    run the server with --cpu-prof and write the profile into DIRECTORY
  --log        where the server's log goes; /dev/null when absent
  --no-fsync   PostgreSQL does not wait for the disk
  --node-flag  a flag of Node.js for the server, as in --node-flag=--max-semi-space-size=8`;

const THOROUGH: Plan = {
  quick: false,
  repetitions: 5,
  warmUp: 3000,
  run: 4000,
  hashRun: 5000,
  soakRun: 6000,
};
const QUICK: Plan = {
  quick: true,
  repetitions: 2,
  warmUp: 1000,
  run: 1000,
  hashRun: 1000,
  soakRun: 1000,
};

/** Reads the command line; undefined when it asks for help. Throws a TypeError for what it does not know. */
export function parseOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      scenario: { type: 'string', multiple: true },
      peers: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      profile: { type: 'string' },
      log: { type: 'string', default: '/dev/null' },
      fsync: { type: 'boolean', default: true },
      'node-flag': { type: 'string', multiple: true, default: [] },
      entry: { type: 'string', default: join(import.meta.dirname, '../../src/main.ts') },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  return {
    plan: values.quick ? QUICK : THOROUGH,
    scenarios: values.scenario,
    peers: values.peers,
    json: values.json,
    // The server runs elsewhere, so a relative path would mean another place to it.
    profile: values.profile === undefined ? undefined : resolve(values.profile),
    nodeFlags: values['node-flag'],
    log: values.log,
    fsync: values.fsync,
    entry: resolve(values.entry),
  };
}
