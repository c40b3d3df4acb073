/** What is wrong with a JWKS that was asked for. */
export type JwksFaultKind = 'unreachable' | 'not_json' | 'no_keys' | 'no_rs256_key';

/** A JWKS that cannot be used; the message says what was wrong and where. */
export class JwksFault extends Error {
  override readonly name = 'JwksFault';
  readonly kind: JwksFaultKind;

  constructor(kind: JwksFaultKind, message: string, cause?: unknown) {
    super(message, { cause });
    this.kind = kind;
  }
}
