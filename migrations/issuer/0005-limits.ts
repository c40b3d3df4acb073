/** Rate limits, shared by all replicas, and the runs of wrong passwords. */
export const limits = `
-- The generic cell rate algorithm keeps one instant a bucket: when it will be full again. A row
-- whose instant is past says what no row says. Unlogged: a crash of PostgreSQL empties it, which
-- costs a minute of limits and spares each limited call the wait for the disk.
CREATE UNLOGGED TABLE rate_buckets (
  key bytea PRIMARY KEY,
  full_at timestamptz NOT NULL
) WITH (fillfactor = 50);

-- Wrong passwords in a row, of an account from one network, and with the empty network from all of
-- them together; and the networks that it logged in from. Both are keyed hashes.
CREATE TABLE password_runs (
  account bytea NOT NULL,
  network bytea NOT NULL,
  failures integer NOT NULL,
  failed_at timestamptz,
  known_at timestamptz,
  kept_until timestamptz NOT NULL,
  PRIMARY KEY (account, network)
);
CREATE INDEX password_runs_kept_until_idx ON password_runs (kept_until);
`;
