import { CompactEncrypt, compactDecrypt, decodeProtectedHeader } from 'jose';
import { KeyTrouble } from './errors.ts';
import type { KeyEncryptionKey } from './key-encryption-key.ts';

/** Seals and opens small secrets under the key-encryption keys. */
export interface Sealer {
  /**
   * A compact JWE (RFC 7516, `dir` with A256GCM), bound to its purpose.
   * @param under the id of the key to seal under; the newest when undefined
   * @throws KeyTrouble when that key is missing
   */
  seal(plaintext: Uint8Array, purpose: string, under?: string): Promise<string>;
  /** @throws KeyTrouble when the key that sealed it is missing or the purpose is another */
  open(sealed: string, purpose: string): Promise<Buffer>;
  /** The id of the key-encryption key that something was sealed under. */
  sealedUnder(sealed: string): string;
  /** Whether that key is among ours. */
  canOpen(sealed: string): boolean;
  /** The id of the key that seals; undefined without any. */
  readonly newestId: string | undefined;
  /** Where the key that seals was found; undefined without any. */
  readonly newestWhere: string | undefined;
}

/** Makes a Sealer; the last of `keys` seals, all of them open. */
export function createSealer(keys: readonly KeyEncryptionKey[]): Sealer {
  const newest = keys.at(-1);
  const byId = new Map(keys.map((key) => [key.id, key]));
  const sealedUnder = (sealed: string) => String(decodeProtectedHeader(sealed).kid);
  return {
    newestId: newest?.id,
    newestWhere: newest?.where,
    sealedUnder,
    canOpen: (sealed) => byId.has(sealedUnder(sealed)),
    async seal(plaintext, purpose, under) {
      const key = under === undefined ? newest : byId.get(under);
      if (!key) {
        throw new KeyTrouble(
          under === undefined
            ? 'There is no key-encryption key to seal with.'
            : `The database is sealed under the key-encryption key ${under}, ${notAmong(byId)}`,
        );
      }
      return new CompactEncrypt(plaintext)
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: key.id, purpose })
        .encrypt(key.bytes);
    },
    async open(sealed, purpose) {
      const header = headerOf(sealed, purpose);
      const key = byId.get(String(header.kid));
      if (!key) {
        throw new KeyTrouble(
          `The database holds ${purpose} sealed under the key-encryption key ${header.kid}, ` +
            notAmong(byId),
        );
      }
      if (header.purpose !== purpose) {
        throw new KeyTrouble(`What the database holds as ${purpose} was sealed as something else.`);
      }
      try {
        const { plaintext } = await compactDecrypt(sealed, key.bytes, {
          keyManagementAlgorithms: ['dir'],
          contentEncryptionAlgorithms: ['A256GCM'],
        });
        return Buffer.from(plaintext);
      } catch {
        throw new KeyTrouble(`${purpose} in the database was altered: it does not open.`);
      }
    },
  };
}

const notAmong = (byId: ReadonlyMap<string, KeyEncryptionKey>): string =>
  `which is not among those given (${[...byId.values()].map(named).join(', ') || 'none'}). ` +
  'Give that key back by KEYS_DIR, KEY_ENCRYPTION_KEY or KEY_ENCRYPTION_KEY_FILE.';

const named = ({ id, where }: KeyEncryptionKey): string => `${id} from ${where}`;

function headerOf(sealed: string, purpose: string) {
  try {
    return decodeProtectedHeader(sealed);
  } catch {
    throw new KeyTrouble(`${purpose} in the database was altered: it is not sealed at all.`);
  }
}
