/** Finds the sessions of a user that have not ended, however many have. */
export const sessionsNotEnded = `
-- A refresh never writes ended_at, so that this index costs it nothing.
CREATE INDEX sessions_not_ended_idx ON sessions (user_id) WHERE ended_at IS NULL;
`;
