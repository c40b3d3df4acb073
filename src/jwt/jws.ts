import { AppError } from '../kit/errors.ts';
import { JsonFault, parseStrictJson } from '../kit/json.ts';
import { tokenMalformed } from './errors.ts';

/** The parts of a compact JWS (RFC 7515), read but not verified. */
export interface Jws {
  readonly kid: string;
  /** The payload as it was signed; read it only after the signature. */
  readonly payload: Buffer;
  /** What the signature is over: ASCII(header . payload). */
  readonly signingInput: string;
  readonly signature: Buffer;
}

/** Longer texts are refused before anything looks at them. */
const MAX_TOKEN_LENGTH = 8192;
const MAX_KID_LENGTH = 200;
/** The only header members that an access token may have; `jku`, `jwk`, `x5u`, `crit` are not. */
const HEADER_MEMBERS: ReadonlySet<string> = new Set(['alg', 'kid', 'typ']);
const TYPES: ReadonlySet<string> = new Set(['at+jwt', 'application/at+jwt']);

/**
 * Reads an access token's outside strictly: three parts of canonical base64url, a header without
 * duplicate or unknown members, RS256 and nothing else, `typ` as RFC 9068 wants it, a `kid`.
 * @throws AppError `token_malformed`, the same for every variant
 */
export function readJws(token: string): Jws {
  if (token.length > MAX_TOKEN_LENGTH) throw new AppError(tokenMalformed);
  const parts = token.split('.', 4);
  const [header, payload, signature] = parts;
  if (parts.length !== 3 || !header || !payload || !signature) throw new AppError(tokenMalformed);
  return {
    kid: readHeader(decodeBase64url(header)),
    payload: decodeBase64url(payload),
    signature: decodeBase64url(signature),
    signingInput: token.slice(0, header.length + 1 + payload.length),
  };
}

/** Node's decoder skips what it does not know; what does not encode back was not canonical. */
function decodeBase64url(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.toString('base64url') !== text) throw new AppError(tokenMalformed);
  return bytes;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads a JSON object of a token. @throws AppError `token_malformed` */
export function readJsonObject(bytes: Buffer): Record<string, unknown> {
  let value: unknown;
  try {
    value = parseStrictJson(utf8.decode(bytes), { maxDepth: 6 });
  } catch (cause) {
    if (cause instanceof JsonFault || cause instanceof TypeError)
      throw new AppError(tokenMalformed);
    throw cause;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new AppError(tokenMalformed);
  }
  return value as Record<string, unknown>;
}

function readHeader(bytes: Buffer): string {
  const header = readJsonObject(bytes);
  const { alg, typ, kid } = header;
  const known = Object.keys(header).every((name) => HEADER_MEMBERS.has(name));
  const typed = typeof typ === 'string' && TYPES.has(typ.toLowerCase());
  const named = typeof kid === 'string' && kid.length > 0 && kid.length <= MAX_KID_LENGTH;
  if (!known || alg !== 'RS256' || !typed || !named) throw new AppError(tokenMalformed);
  return kid;
}
