/** Tokens that were mailed, requests that a mail answers, and users who are gone. */
export const mailedTokens = `
CREATE TABLE mailed_tokens (
  hash bytea PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  purpose text NOT NULL,
  email text NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  -- The newest of a purpose takes the place of the one before.
  CONSTRAINT mailed_tokens_user_id_purpose_key UNIQUE (user_id, purpose)
);
CREATE INDEX mailed_tokens_expires_at_idx ON mailed_tokens (expires_at);

-- Answered before anything is looked up, so that the answer cannot tell who has an account.
CREATE TABLE account_requests (
  id uuid PRIMARY KEY,
  kind text NOT NULL,
  email text NOT NULL,
  name text,
  password_hash text,
  created_at timestamptz NOT NULL,
  address text NOT NULL,
  user_agent text,
  request_id text NOT NULL
);

-- For services that keep something under a user's id. No foreign key: the user is gone.
CREATE TABLE deleted_users (
  user_id uuid PRIMARY KEY,
  deleted_at timestamptz NOT NULL,
  passed_on_at timestamptz
);
`;
