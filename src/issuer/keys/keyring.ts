import { createPublicKey, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import type { Database } from '../../db/database.ts';
import type { Clock } from '../../kit/clock.ts';
import { coalesce } from '../../kit/coalesce.ts';
import { atEndOfTurn } from '../../kit/end-of-turn.ts';
import type { Kid } from '../../kit/id.ts';
import { type Canary, signCanary } from './canary.ts';
import { cannotSign, KeyTrouble } from './errors.ts';
import type { HighWaterMark } from './high-water.ts';
import { type JwksDocument, renderJwks } from './jwks.ts';
import { type PublicJwk, publicJwkOf, readPrivateKey } from './key-pair.ts';
import {
  activeKey,
  asOf,
  goneAt,
  type KeyPolicy,
  publishedKeys,
  type SigningKey,
  stateOf,
} from './life-cycle.ts';
import type { Sealer } from './sealing.ts';
import { listKeys, raiseMaxTokenTtl, readStateVersion, type StoredKey } from './store.ts';
import { privateKeyPurpose } from './transition.ts';
import type { KnownKey } from './visibility.ts';

/** The keys as this process holds them in memory: it signs, and answers for the JWKS. */
export interface Keyring {
  /**
   * Reads the keys anew and renews the lease. Calls share readings: an older one never replaces a
   * newer, and however many are asked for at once, two are made.
   * @throws KeyTrouble for a key that does not open
   */
  poll(): Promise<void>;
  /** Whether a key is active and the lease holds. */
  canSign(): boolean;
  /** What keeps this process from signing or soon will, in words for an operator. */
  troubles(): readonly string[];
  /** @throws AppError 503 when `canSign` is false */
  requireSigner(): void;
  /** Signs a JWS payload with RS256 (RFC 7515). @throws AppError 503 as `requireSigner` */
  sign(payload: string): Promise<string>;
  /** The public half of a published key. */
  resolve(kid: string): KeyObject | undefined;
  /** The JWKS of this moment. */
  jwks(): JwksDocument;
  /** Every key of the database at the last reading, also those that are gone. */
  known(): readonly KnownKey[];
  /** A canary of the active key and of each `next` one; none while the lease is over. */
  canaries(now: Date): Promise<Canary[]>;
}

interface HeldKey extends SigningKey {
  readonly publicJwk: PublicJwk;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject | undefined;
  /** The JOSE header of every token that it signs, encoded. */
  readonly header: string;
}

/** What a keyring needs. */
export interface KeyringDeps {
  readonly database: Pick<Database, 'db' | 'time'>;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly policy: KeyPolicy;
  readonly highWater: HighWaterMark;
  /** Processor cores that are this process's to use. */
  readonly cores: number;
}

const signElsewhere = promisify<string, Buffer, KeyObject, Buffer>(sign);
const signTogether = atEndOfTurn(({ data, key }: { data: Buffer; key: KeyObject }) =>
  sign('sha256', data, key),
);

const RESTORED = 'the database was restored from a backup: run `keyturn restored`';

/** Makes a keyring, empty until its first `poll`. */
export function createKeyring(deps: KeyringDeps): Keyring {
  const { clock, policy } = deps;
  let held: readonly HeldKey[] = [];
  let known: readonly KnownKey[] = [];
  let leaseUntil = Number.NEGATIVE_INFINITY;
  let document: JwksDocument | undefined;
  /** When the document in memory ceases to be right, by the dates of its keys. */
  let documentUntil = 0;
  let restored = false;
  let unopenable: readonly string[] = [];

  const signer = (): HeldKey | undefined => {
    if (clock.monotonic() >= leaseUntil) return undefined;
    const key = activeKey(held, policy, clock.now());
    // Until the database knows of the longer lifetime, the key could leave the JWKS too early.
    return key?.privateKey && key.maxTokenTtl >= policy.accessTokenTtl ? key : undefined;
  };

  const readKeys = async (): Promise<StoredKey[]> => {
    const keys = await listKeys(deps.database.db);
    if (!keys.some((key) => isShort(key, policy, clock.now()))) return keys;
    await raiseMaxTokenTtl(deps.database.db, policy.accessTokenTtl, clock.now());
    return listKeys(deps.database.db);
  };

  return {
    poll: coalesce(async () => {
      // The lease counts from before the question was asked: the answer may be older than it looks.
      const asked = clock.monotonic();
      await clock.synchronise(() => deps.database.time());
      restored = !(await deps.highWater.accept(await readStateVersion(deps.database.db)));
      // What verifiers were told stays up; only a process that starts has nothing better to show.
      if (restored && held.length > 0) {
        leaseUntil = Number.NEGATIVE_INFINITY;
        return;
      }
      const keys = await readKeys();
      unopenable = missingKeys(deps.sealer, keys);
      const live = publishedKeys(keys, policy, clock.now());
      // At the start a key that does not open is an operator's to mend. Later it must not stop the
      // signing with the others: it is published, and `troubles` says what is missing.
      const starting = held.length === 0;
      const openable = (key: StoredKey) =>
        starting || !key.sealedPrivateKey || deps.sealer.canOpen(key.sealedPrivateKey);
      held = await Promise.all(
        live.map(async (key) => {
          const known = held.find((other) => other.kid === key.kid);
          // One that did not open is tried again once it is sealed under a key that is here.
          const isRead = known?.privateKey || !key.sealedPrivateKey || !openable(key);
          if (known && isRead) return { ...known, ...datesOf(key) };
          return open(deps.sealer, openable(key) ? key : { ...key, sealedPrivateKey: null });
        }),
      );
      known = keys.map((key) => ({ kid: key.kid, ...datesOf(key), publicJwk: key.publicJwk }));
      document = undefined;
      leaseUntil = restored ? Number.NEGATIVE_INFINITY : asked + policy.keyLease;
    }),
    canSign: () => signer() !== undefined,
    troubles() {
      if (restored) return [RESTORED];
      const signing = signer() ? [] : ['no signing key may be used'];
      return [...signing, ...unopenable];
    },
    requireSigner() {
      if (!signer()) throw cannotSign();
    },
    sign(payload) {
      const key = signer();
      if (!key?.privateKey) return Promise.reject(cannotSign());
      const input = `${key.header}.${Buffer.from(payload).toString('base64url')}`;
      return signRs256(input, key.privateKey, deps.cores);
    },
    resolve(kid) {
      const now = clock.now();
      const key = held.find((candidate) => candidate.kid === kid);
      if (!key) return undefined;
      const gone = goneAt(key, policy);
      return gone && gone <= now ? undefined : key.publicKey;
    },
    jwks() {
      const now = clock.now();
      if (!document || +now >= documentUntil) {
        const published = publishedKeys(held, policy, now);
        document = renderJwks(published.map((key) => key.publicJwk));
        documentUntil = nextChange(published, policy, now);
      }
      return document;
    },
    known: () => known,
    async canaries(now) {
      if (clock.monotonic() >= leaseUntil) return [];
      const at = asOf(held, now);
      const signed = held.map(async ({ kid, privateKey, ...key }) => {
        const state = stateOf({ kid, ...key }, policy, at);
        const proves = privateKey && (state === 'active' || state === 'next');
        return proves ? [await signCanary(kid, privateKey, now)] : [];
      });
      return (await Promise.all(signed)).flat();
    },
  };
}

/** Keys that are held open but that a restart could not open again. */
function missingKeys(sealer: Sealer, keys: readonly StoredKey[]): string[] {
  const missing = keys.flatMap(({ sealedPrivateKey }) =>
    sealedPrivateKey && !sealer.canOpen(sealedPrivateKey)
      ? [sealer.sealedUnder(sealedPrivateKey)]
      : [],
  );
  return [...new Set(missing)].map((id) => `the key-encryption key ${id} is missing here`);
}

/** The instant in milliseconds at which the dates alone next change what is published. */
function nextChange(keys: readonly SigningKey[], policy: KeyPolicy, now: Date): number {
  const dates = keys.flatMap((key) => [key.activatedAt, key.retiredAt, goneAt(key, policy)]);
  return Math.min(...dates.filter((date) => date !== null && date > now).map(Number));
}

/** A key that may sign, now or later, but is only known to sign shorter tokens than are asked. */
const isShort = (key: StoredKey, policy: KeyPolicy, now: Date): boolean =>
  !key.revokedAt &&
  (!key.retiredAt || key.retiredAt > now) &&
  key.maxTokenTtl < policy.accessTokenTtl;

const datesOf = ({ publishedAt, activatedAt, retiredAt, revokedAt, maxTokenTtl }: StoredKey) => ({
  publishedAt,
  activatedAt,
  retiredAt,
  revokedAt,
  maxTokenTtl,
});

async function open(sealer: Sealer, key: StoredKey): Promise<HeldKey> {
  const kid: Kid = key.kid;
  const der = key.sealedPrivateKey
    ? await sealer.open(key.sealedPrivateKey, privateKeyPurpose(kid))
    : undefined;
  const privateKey = der && readPrivateKey(der);
  const publicKey = createPublicKey(privateKey ?? { key: { ...key.publicJwk }, format: 'jwk' });
  const publicJwk = await publicJwkOf(publicKey);
  if (publicJwk.kid !== kid) {
    throw new KeyTrouble(
      `The signing key ${kid} in the database was altered: it opens to another.`,
    );
  }
  const header = Buffer.from(JSON.stringify({ alg: 'RS256', kid, typ: 'at+jwt' }));
  return {
    kid,
    ...datesOf(key),
    publicJwk,
    publicKey,
    privateKey,
    header: header.toString('base64url'),
  };
}

/**
 * Signs on libuv's threads, so that a second core helps and the event loop goes on. With one core the
 * hand-over only costs, and so does every signature by itself, which leaves the caches cold.
 */
async function signRs256(input: string, key: KeyObject, cores: number): Promise<string> {
  const data = Buffer.from(input);
  const signature = await (cores === 1
    ? signTogether({ data, key })
    : signElsewhere('sha256', data, key));
  return `${input}.${signature.toString('base64url')}`;
}
