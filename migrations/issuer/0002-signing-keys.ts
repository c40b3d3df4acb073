/** Signing keys, secrets sealed beside them, and the row whose lock orders every transition. */
export const signingKeys = `
CREATE TABLE signing_keys (
  kid text PRIMARY KEY,
  public_jwk jsonb NOT NULL,
  sealed_private_key text,
  bits integer NOT NULL,
  max_token_ttl integer NOT NULL,
  published_at timestamptz NOT NULL,
  activated_at timestamptz,
  retired_at timestamptz,
  revoked_at timestamptz,
  CHECK (activated_at >= published_at),
  CHECK (retired_at >= activated_at),
  CHECK (retired_at IS NULL OR activated_at IS NOT NULL)
);

-- One key that signs until further notice, and one that waits without a date.
CREATE UNIQUE INDEX signing_keys_one_active ON signing_keys ((true))
  WHERE activated_at IS NOT NULL AND retired_at IS NULL AND revoked_at IS NULL;
CREATE UNIQUE INDEX signing_keys_one_next ON signing_keys ((true))
  WHERE activated_at IS NULL AND revoked_at IS NULL;

CREATE TABLE key_state (
  id integer PRIMARY KEY CHECK (id = 1),
  state_version bigint NOT NULL,
  instance_id uuid NOT NULL
);
INSERT INTO key_state (id, state_version, instance_id) VALUES (1, 0, gen_random_uuid());

CREATE TABLE sealed_secrets (
  name text PRIMARY KEY,
  sealed text NOT NULL,
  created_at timestamptz NOT NULL
);
`;
