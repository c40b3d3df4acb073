import type { ColumnType, JSONColumnType } from 'kysely';
import type { Db, Tx } from '../../db/database.ts';
import { type Duration, seconds, toSeconds } from '../../kit/duration.ts';
import type { Kid } from '../../kit/id.ts';
import type { PublicJwk } from './key-pair.ts';
import type { SigningKey } from './life-cycle.ts';
import type { Redating } from './machine.ts';

type Tables = {
  signing_keys: {
    kid: Kid;
    public_jwk: JSONColumnType<PublicJwk>;
    sealed_private_key: string | null;
    bits: number;
    max_token_ttl: number;
    published_at: Date;
    activated_at: Date | null;
    retired_at: Date | null;
    revoked_at: Date | null;
  };
  key_state: {
    id: number;
    state_version: ColumnType<string, never, string>;
    instance_id: string;
  };
  sealed_secrets: { name: string; sealed: string; created_at: Date };
};

const tables = (db: Db) => db.$extendTables<Tables>();

/** A signing key as it is stored. */
export interface StoredKey extends SigningKey {
  readonly publicJwk: PublicJwk;
  /** A JWE; null once it was erased. */
  readonly sealedPrivateKey: string | null;
  readonly bits: number;
}

/** Every key, the oldest first. */
export async function listKeys(db: Db): Promise<StoredKey[]> {
  const rows = await tables(db)
    .selectFrom('signing_keys')
    .selectAll()
    .orderBy('published_at')
    .orderBy('kid')
    .execute();
  return rows.map((row) => ({
    kid: row.kid,
    publicJwk: row.public_jwk,
    sealedPrivateKey: row.sealed_private_key,
    bits: row.bits,
    maxTokenTtl: seconds(row.max_token_ttl),
    publishedAt: row.published_at,
    activatedAt: row.activated_at,
    retiredAt: row.retired_at,
    revokedAt: row.revoked_at,
  }));
}

/** How far the keys of a database have come. */
export interface KeyStateVersion {
  /** Names the database for good; a restored copy has the same. */
  readonly instanceId: string;
  /** Raised by every transition. */
  readonly version: number;
}

/** How far the keys have come. */
export async function readStateVersion(db: Db): Promise<KeyStateVersion> {
  const row = await tables(db)
    .selectFrom('key_state')
    .select(['state_version', 'instance_id'])
    .where('id', '=', 1)
    .executeTakeFirstOrThrow();
  return { instanceId: row.instance_id, version: Number(row.state_version) };
}

/** Takes the lock that orders every change of keys, until the transaction ends. */
export async function lockKeyState(tx: Tx): Promise<KeyStateVersion> {
  await tables(tx)
    .selectFrom('key_state')
    .select('id')
    .where('id', '=', 1)
    .forUpdate()
    .executeTakeFirstOrThrow();
  return readStateVersion(tx);
}

/** Notes that a transition has happened. */
export async function writeStateVersion(tx: Tx, version: number): Promise<void> {
  await tables(tx)
    .updateTable('key_state')
    .set({ state_version: String(version) })
    .where('id', '=', 1)
    .execute();
}

/** Stores a new key, published at `publishedAt`. */
export async function insertKey(
  tx: Tx,
  key: {
    publicJwk: PublicJwk;
    sealedPrivateKey: string;
    bits: number;
    maxTokenTtl: Duration;
    publishedAt: Date;
    activatedAt: Date | null;
  },
): Promise<void> {
  await tables(tx)
    .insertInto('signing_keys')
    .values({
      kid: key.publicJwk.kid,
      public_jwk: JSON.stringify(key.publicJwk),
      sealed_private_key: key.sealedPrivateKey,
      bits: key.bits,
      max_token_ttl: toSeconds(key.maxTokenTtl),
      published_at: key.publishedAt,
      activated_at: key.activatedAt,
      retired_at: null,
      revoked_at: null,
    })
    .execute();
}

/** Gives a key new dates. */
export async function redateKey(tx: Tx, change: Redating): Promise<void> {
  await tables(tx)
    .updateTable('signing_keys')
    .set({
      ...(change.activatedAt && { activated_at: change.activatedAt }),
      ...(change.retiredAt && { retired_at: change.retiredAt }),
      ...(change.revokedAt && { revoked_at: change.revokedAt }),
    })
    .where('kid', '=', change.kid)
    .execute();
}

/** Notes that the keys which sign, or will, may sign tokens that live as long as `ttl`. */
export async function raiseMaxTokenTtl(db: Db, ttl: Duration, now: Date): Promise<void> {
  await tables(db)
    .updateTable('signing_keys')
    .set({ max_token_ttl: toSeconds(ttl) })
    .where('max_token_ttl', '<', toSeconds(ttl))
    .where('revoked_at', 'is', null)
    .where((eb) => eb.or([eb('retired_at', 'is', null), eb('retired_at', '>', now)]))
    .execute();
}

/** Erases the private halves of keys that were retired or revoked at or before `cutoff`. */
export async function erasePrivateKeys(db: Db, cutoff: Date): Promise<void> {
  await tables(db)
    .updateTable('signing_keys')
    .set({ sealed_private_key: null })
    .where('sealed_private_key', 'is not', null)
    .where((eb) => eb.or([eb('retired_at', '<=', cutoff), eb('revoked_at', '<=', cutoff)]))
    .execute();
}

/** A sealed secret by name, if there is one. */
export async function findSecret(db: Db, name: string): Promise<string | undefined> {
  const row = await tables(db)
    .selectFrom('sealed_secrets')
    .select('sealed')
    .where('name', '=', name)
    .executeTakeFirst();
  return row?.sealed;
}

/** Stores a sealed secret under a name that has none yet. */
export async function insertSecret(
  tx: Tx,
  secret: { name: string; sealed: string; createdAt: Date },
): Promise<void> {
  await tables(tx)
    .insertInto('sealed_secrets')
    .values({ name: secret.name, sealed: secret.sealed, created_at: secret.createdAt })
    .execute();
}

/** Every sealed secret by its name. */
export async function listSecrets(db: Db): Promise<{ name: string; sealed: string }[]> {
  return tables(db).selectFrom('sealed_secrets').select(['name', 'sealed']).execute();
}

/** Puts a secret's new sealed form in the place of the old. */
export async function resealSecret(tx: Tx, name: string, sealed: string): Promise<void> {
  await tables(tx).updateTable('sealed_secrets').set({ sealed }).where('name', '=', name).execute();
}

/** Puts a private key's new sealed form in the place of the old. */
export async function resealKey(tx: Tx, kid: Kid, sealed: string): Promise<void> {
  await tables(tx)
    .updateTable('signing_keys')
    .set({ sealed_private_key: sealed })
    .where('kid', '=', kid)
    .execute();
}
