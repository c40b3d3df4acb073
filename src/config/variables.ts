/** What is fixed about one environment variable. */
interface Variable {
  /** The text that an unset variable stands for; absent when unset is a meaning of its own. */
  readonly default?: string;
  /** How the documentation names a default that is not a literal text. */
  readonly shown?: string;
  /** A good value, shown beside every complaint about the variable. */
  readonly example: string;
  /** Not read, and so never wrong, where the resource server runs alone. */
  readonly issuerOnly?: true;
}

/** The command that makes a key-encryption key: an example must not be usable as a key itself. */
const NEW_KEY = `"$(node -p 'crypto.randomBytes(32).toString("base64url")')"`;

/** Every environment variable that Keyturn reads; `docs/configuration.md` is held to it by a test. */
export const VARIABLES = {
  NODE_ENV: { shown: 'unset', example: 'production' },
  HOST: { default: '127.0.0.1', example: '0.0.0.0' },
  PORT: { default: '3000', example: '3000' },
  ADMIN_HOST: { default: '127.0.0.1', example: '127.0.0.1' },
  ADMIN_PORT: { default: '9464', example: '9464' },
  ISSUER_URL: { shown: 'http://localhost:PORT', example: 'https://id.example.com' },
  AUDIENCE: { shown: 'the issuer URL', example: 'https://api.example.com' },
  DATABASE_URL: {
    shown: 'unset: the embedded database',
    example: 'postgres://keyturn:password@db.example.com:5432/keyturn?sslmode=verify-full',
  },
  DATABASE_PREPARED: { default: 'on', example: 'on' },
  DATA_DIR: { default: './data', example: '/var/lib/keyturn' },
  EMBEDDED_DATABASE: { shown: 'unset', example: 'yes' },
  KEYS_DIR: { default: './keys', example: '/etc/keyturn/keys', issuerOnly: true },
  KEY_ENCRYPTION_KEY: { shown: 'unset', example: NEW_KEY, issuerOnly: true },
  KEY_ENCRYPTION_KEY_FILE: {
    shown: 'unset',
    example: '/run/secrets/keyturn-key',
    issuerOnly: true,
  },
  ALLOWED_ORIGINS: { shown: 'empty', example: 'https://app.example.com,https://admin.example.com' },
  COOKIE_SAMESITE: { default: 'lax', example: 'lax' },
  TRUST_PROXY: { default: '0', example: '1' },
  SMTP_URL: {
    shown: 'unset: files',
    example: 'smtps://user:password@mail.example.com:465',
    issuerOnly: true,
  },
  MAIL_FROM: { shown: 'unset', example: '"Example <id@example.com>"', issuerOnly: true },
  REGISTRATION: { default: 'open', example: 'closed' },
  EMAIL_VERIFICATION: { default: 'optional', example: 'required' },
  PASSWORD_MIN_LENGTH: { default: '8', example: '15' },
  ARGON2_MEMORY: { default: '19456', example: '47104' },
  ARGON2_TIME: { default: '2', example: '2' },
  ARGON2_PARALLELISM: { default: '1', example: '1' },
  RATE_LIMIT: { default: 'on', example: 'on' },
  WORKERS: { default: '1', example: '1' },
  ACCESS_TOKEN_TTL: { default: '15m', example: '15m' },
  REFRESH_TOKEN_TTL: { default: '7d', example: '7d' },
  SESSION_MAX_TTL: { default: '30d', example: '30d' },
  REFRESH_REPLAY_WINDOW: { default: '30s', example: '30s' },
  KEY_BITS: { default: '2048', example: '3072', issuerOnly: true },
  KEY_ROTATION_INTERVAL: { default: '30d', example: '30d', issuerOnly: true },
  VERIFIER_CACHE_TTL: { default: '24h', example: '24h' },
  JWKS_MAX_AGE: { default: '5m', example: '5m' },
  CLOCK_SKEW: { default: '60s', example: '60s' },
  KEY_LEASE: { default: '60s', example: '60s', issuerOnly: true },
  JWKS_URI: {
    shown: 'what the issuer serves',
    example: 'https://id.example.com/.well-known/jwks.json',
  },
  JWKS_CACHE_TTL: { default: '1h', example: '1h' },
  JWKS_STARTUP_TIMEOUT: { default: '30s', example: '30s' },
  SELF_CHECK: { default: 'on', example: 'on' },
  TODO_APP: { default: 'on', example: 'off' },
  AUDIT_RETENTION: { default: '365d', example: '365d' },
  BRAND_NAME: { default: 'Keyturn', example: '"Example Ltd"' },
  BRAND_LOGO: { shown: 'unset', example: 'https://example.com/logo.svg' },
  BRAND_COLOR: { shown: 'unset', example: '"#0b5fff"' },
  DRAIN_DELAY: { default: '3s', example: '3s' },
  LOG_LEVEL: { default: 'info', example: 'info' },
  LOG_FORMAT: { shown: 'pretty on a terminal, json elsewhere', example: 'json' },
  OTEL_EXPORTER_OTLP_ENDPOINT: { shown: 'unset: no traces', example: 'http://localhost:4318' },
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: {
    shown: 'unset',
    example: 'https://traces.example.com/v1/traces',
  },
  OTEL_EXPORTER_OTLP_HEADERS: { shown: 'unset', example: '"api-key=secret"' },
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: { shown: 'unset', example: '"api-key=secret"' },
  OTEL_EXPORTER_OTLP_PROTOCOL: { default: 'http/json', example: 'http/json' },
  OTEL_TRACES_EXPORTER: { shown: 'unset', example: 'otlp' },
  OTEL_TRACES_SAMPLER: { default: 'parentbased_always_on', example: 'parentbased_traceidratio' },
  OTEL_TRACES_SAMPLER_ARG: { shown: '1', example: '0.1' },
  OTEL_SERVICE_NAME: { shown: 'keyturn', example: 'keyturn' },
  OTEL_RESOURCE_ATTRIBUTES: { shown: 'unset', example: '"deployment.environment.name=staging"' },
  OTEL_SDK_DISABLED: { default: 'false', example: 'true' },
} as const satisfies Record<string, Variable>;

/** The name of an environment variable of ours. */
export type VariableName = keyof typeof VARIABLES;

/** A variable that has a text to fall back on. */
export type DefaultedName = {
  [Name in VariableName]: (typeof VARIABLES)[Name] extends { readonly default: string }
    ? Name
    : never;
}[VariableName];

/** The table's row of a name, with the optional fields in its type. */
export const variable = (name: VariableName): Variable => VARIABLES[name];
