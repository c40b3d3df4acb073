/** The audit trail, and what a session keeps of tokens that were presented again. */
export const audit = `
-- No foreign keys: the trail outlives users and sessions.
CREATE TABLE audit_events (
  id uuid PRIMARY KEY,
  at timestamptz NOT NULL,
  event text NOT NULL,
  user_id uuid,
  session_id uuid,
  reason text,
  address text,
  user_agent text,
  request_id text
);
CREATE INDEX audit_events_at_idx ON audit_events (at);
CREATE INDEX audit_events_event_idx ON audit_events (event, at);
CREATE INDEX audit_events_user_id_idx ON audit_events (user_id, at) WHERE user_id IS NOT NULL;
CREATE INDEX audit_events_session_id_idx ON audit_events (session_id) WHERE session_id IS NOT NULL;

-- Written by replays alone and indexed by nothing: refreshes stay heap-only updates.
ALTER TABLE sessions
  ADD COLUMN replays integer NOT NULL DEFAULT 0,
  ADD COLUMN last_replay_at timestamptz,
  ADD COLUMN last_replay_address text;

-- A refresh never writes ended_at, so that this index costs it nothing.
CREATE INDEX sessions_ended_at_idx ON sessions (ended_at) WHERE ended_at IS NOT NULL;
`;
