/** Mails that have yet to be sent; a row goes when its mail has gone, or is given up. */
export const mail = `
CREATE TABLE outbox_mails (
  id uuid PRIMARY KEY,
  user_id uuid REFERENCES users (id) ON DELETE CASCADE,
  kind text NOT NULL,
  recipient text NOT NULL,
  sealed text NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  attempts integer NOT NULL,
  next_attempt_at timestamptz NOT NULL
);

CREATE INDEX outbox_mails_next_attempt_at_idx ON outbox_mails (next_attempt_at);
CREATE INDEX outbox_mails_user_id_idx ON outbox_mails (user_id);
`;
