/** Todos, each its user's alone; the key leads with the user, so that the table can be sharded by it. */
export const todos = `
CREATE TABLE todos (
  user_id text NOT NULL,
  id uuid NOT NULL,
  title text NOT NULL,
  description text,
  completed boolean NOT NULL,
  version integer NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (user_id, id)
);
`;
