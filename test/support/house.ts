/**
 * The house, as tables: `walls.ts` holds the sources to them. A place is a file (`src/config.ts`),
 * a folder (`src/http/`), or a file name in any room (`store.ts`, with `end-store.ts` beside it).
 */
export type Place = string;

/** A room: the places that make it up, which know each other. */
export type Room = readonly Place[];

/**
 * From the top: a file imports its own room and rooms on lower floors; rooms on one floor are
 * strangers.
 */
export const FLOORS: readonly (readonly Room[])[] = [
  // Processes: argv or environment -> config -> compose -> run.
  [['src/main.ts', 'src/bin.js', 'src/restart.js', 'src/cli.ts', 'src/cli/']],
  // The one file that knows every room; the socket that commands reach.
  [['src/compose.ts', 'src/compose/'], ['src/control/']],
  // Mounts the rooms; the only timers.
  [
    [
      'src/issuer/issuer.ts',
      'src/issuer/router.ts',
      'src/issuer/metadata.ts',
      'src/issuer/operations.ts',
      'src/issuer/jobs.ts',
      'src/issuer/housekeeping.ts',
      'src/issuer/traced.ts',
    ],
  ],
  [['src/issuer/pages/']],
  [['src/issuer/login/'], ['src/issuer/accounts/'], ['src/issuer/oauth/']],
  [['src/issuer/sessions/']],
  [
    ['src/issuer/keys/'],
    ['src/issuer/users/'],
    ['src/issuer/mail/'],
    ['src/resource-server/'],
    // Its pages know the rest by URL alone.
    ['src/todo-app/'],
    // Describes whatever calls it is given.
    ['src/api-docs/'],
  ],
  [['src/issuer/audit/'], ['src/issuer/limits/']],
  [['src/config.ts', 'src/config/'], ['src/http/'], ['src/db/'], ['src/jwt/']],
  [['src/metrics.ts', 'src/metrics/'], ['src/kit/'], ['migrations/']],
  // The browser client imports nothing of the rest.
  [['src/client/']],
];

/** Walls that the floors alone would not make: the first never imports the second. */
export const STRANGERS: readonly (readonly [Place, Place])[] = [
  ['src/resource-server/', 'src/issuer/'],
  ['src/issuer/sessions/', 'src/issuer/users/'],
  ['src/todo-app/', 'src/config.ts'],
  ['src/todo-app/', 'src/db/'],
  ['src/api-docs/', 'src/config.ts'],
  ['src/api-docs/', 'src/db/'],
];

/** One door a package: who may import it. A package that is not here may be imported by nobody. */
export const DOORS: Readonly<Record<string, readonly Place[]>> = {
  '@electric-sql/pglite': ['src/db/'],
  pg: ['src/db/'],
  dataloader: ['src/db/gather.ts'],
  kysely: ['src/db/', 'store.ts', 'migrations/'],
  koa: ['src/http/'],
  '@koa/router': ['src/http/'],
  yaml: ['src/cli/rehearsal-document.ts'],
  zod: [
    'src/http/',
    'routes.ts',
    // What a room's calls are, beside its routes and in control/.
    'operations.ts',
    'schema.ts',
    'src/api-docs/',
    'src/issuer/accounts/import-line.ts',
    'src/cli/rehearsal-plan.ts',
  ],
  jose: ['src/jwt/', 'src/issuer/keys/', 'src/resource-server/'],
  argon2: ['src/issuer/users/'],
  '@node-rs/argon2': ['src/issuer/users/'],
  bcryptjs: ['src/issuer/users/bcrypt-worker.ts'],
  nodemailer: ['src/issuer/mail/'],
  'prom-client': ['src/metrics.ts', 'src/metrics/'],
  pino: ['src/kit/log.ts'],
  'pino-pretty': ['src/kit/log.ts'],
};

/** What it loads is computed: the program's bundle, which is none of these files. */
export const COMPUTED: readonly Place[] = ['src/cli/program.ts'];

/** Where SQL may be. */
export const SQL: readonly Place[] = ['store.ts', 'src/db/', 'migrations/'];

/**
 * Files that decide and do nothing: of values they import pure files and `PURE_BUILTINS` only
 * (types from anywhere below), and they name none of `EFFECTS`.
 */
export const PURE: readonly Place[] = [
  'machine.ts',
  'policy.ts',
  'life-cycle.ts',
  'visibility.ts',
  'errors.ts',
  'src/issuer/keys/rehearsal/',
  'src/issuer/keys/verifiers.ts',
  'src/config.ts',
  'src/config/',
  'src/jwt/claims.ts',
  'src/jwt/jws.ts',
  'src/kit/brand.ts',
  'src/kit/duration.ts',
  'src/kit/edit-distance.ts',
  'src/kit/fifo.ts',
  'src/kit/json.ts',
  'src/kit/secret.ts',
];

/** What of Node.js only calculates. */
export const PURE_BUILTINS: Readonly<Record<string, readonly string[]>> = {
  'node:net': ['isIP', 'isIPv4', 'isIPv6'],
  'node:util': ['inspect'],
};

/** Names of the global scope that a pure file does not touch. */
export const EFFECTS: readonly string[] = [
  ...['process', 'performance', 'console', 'crypto', 'fetch', 'Math.random', 'globalThis'],
  ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'],
];

/** Names of the global scope that only some places may use. */
export const KEEPERS: Readonly<Record<string, readonly Place[]>> = {
  // Time enters by the Clock.
  'new Date()': ['src/kit/clock.ts'],
  'Date()': ['src/kit/clock.ts'],
  'Date.now': ['src/kit/clock.ts', 'src/client/browser.ts', 'src/issuer/pages/browser/'],
  'performance.now': ['src/kit/clock.ts', 'src/client/browser.ts'],
  'process.hrtime': ['src/kit/clock.ts'],
  setInterval: ['src/issuer/jobs.ts'],
  // Configuration enters by the processes, which hand it to parseConfig.
  'process.env': ['src/main.ts', 'src/restart.js', 'src/cli.ts', 'src/cli/'],
  // A process ends when it has nothing left to do; `process.exitCode` says how.
  'process.exit': [],
  'process.abort': [],
  'process.reallyExit': [],
};

/** What other services import from the package: the only files that may pass on what others made. */
export const ENTRIES: readonly Place[] = [
  'src/resource-server/exports.ts',
  'src/client/keyturn.ts',
];

/** The most lines a file may have. */
export const LONGEST = 250;
