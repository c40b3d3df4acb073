/** Users and their sessions. A session is one row for its whole life; a refresh updates it in place. */
export const accounts = `
CREATE TABLE users (
  id uuid PRIMARY KEY,
  email text NOT NULL CONSTRAINT users_email_key UNIQUE,
  email_verified boolean NOT NULL,
  name text NOT NULL,
  password_hash text,
  created_at timestamptz NOT NULL,
  disabled_at timestamptz
);

CREATE TABLE sessions (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  client_id text NOT NULL,
  claims jsonb NOT NULL,
  generation integer NOT NULL,
  current_hash bytea NOT NULL,
  previous_hash bytea,
  salt bytea,
  rotated_at timestamptz NOT NULL,
  recovered boolean NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  previous_expires_at timestamptz,
  max_expires_at timestamptz NOT NULL,
  last_used_at timestamptz NOT NULL,
  last_address text NOT NULL,
  user_agent text,
  ended_at timestamptz,
  end_reason text,
  CHECK (expires_at <= max_expires_at),
  CHECK ((ended_at IS NULL) = (end_reason IS NULL))
) WITH (fillfactor = 70);

-- No column that a refresh writes is indexed, so that each refresh is a heap-only update and
-- the table does not grow with use.
CREATE INDEX sessions_user_id_idx ON sessions (user_id);
CREATE INDEX sessions_max_expires_at_idx ON sessions (max_expires_at);
`;
