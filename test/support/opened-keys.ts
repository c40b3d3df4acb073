import { createPublicKey, type KeyObject } from 'node:crypto';
import { loadKeyEncryptionKeys } from '../../src/issuer/keys/key-encryption-key.ts';
import { readPrivateKey } from '../../src/issuer/keys/key-pair.ts';
import { createSealer } from '../../src/issuer/keys/sealing.ts';
import { REFRESH_TOKEN_TAG } from '../../src/issuer/keys/secrets.ts';
import { findSecret, listKeys } from '../../src/issuer/keys/store.ts';
import { privateKeyPurpose } from '../../src/issuer/keys/transition.ts';
import type { TestKeyturn } from './keyturn.ts';

/** A signing key with its private half. */
export interface OpenedKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** Everything that the database holds sealed, and what seals it. */
export interface OpenedKeys {
  readonly active: OpenedKey;
  readonly next: OpenedKey;
  /** The key of refresh tokens' tags. */
  readonly tagKey: Buffer;
  readonly keyEncryptionKey: Uint8Array;
}

/** Opens what is sealed, as the server itself does. */
export async function openKeys({ config, database }: TestKeyturn): Promise<OpenedKeys> {
  const keys = await loadKeyEncryptionKeys(config.keyEncryptionKeys);
  const sealer = createSealer(keys);
  const stored = await listKeys(database.db);
  const opened = async (active: boolean): Promise<OpenedKey> => {
    const key = stored.find(({ activatedAt }) => (activatedAt !== null) === active);
    if (!key?.sealedPrivateKey) throw new Error('there is no such signing key');
    const der = await sealer.open(key.sealedPrivateKey, privateKeyPurpose(key.kid));
    const privateKey = readPrivateKey(der);
    return { kid: key.kid, privateKey, publicKey: createPublicKey(privateKey) };
  };
  const sealedTag = await findSecret(database.db, REFRESH_TOKEN_TAG);
  const newest = keys.at(-1);
  if (!sealedTag || !newest) throw new Error('a secret is missing');
  return {
    active: await opened(true),
    next: await opened(false),
    tagKey: await sealer.open(sealedTag, REFRESH_TOKEN_TAG),
    keyEncryptionKey: newest.bytes,
  };
}
