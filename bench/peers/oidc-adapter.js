/** The tables of oidc-provider's adapter and of the bench's users. */
export const SCHEMA = `
create table if not exists oidc (
  model text not null,
  id text not null,
  payload jsonb not null,
  grant_id text,
  user_code text,
  uid text,
  expires_at timestamptz,
  consumed_at timestamptz,
  primary key (model, id)
) with (fillfactor = 70);
create index if not exists oidc_grant_id_idx on oidc (grant_id) where grant_id is not null;
create index if not exists oidc_uid_idx on oidc (uid) where uid is not null;
create index if not exists oidc_user_code_idx on oidc (user_code) where user_code is not null;
create table if not exists users (
  id uuid primary key default gen_random_uuid(),
  email text not null unique,
  name text not null,
  password_hash text not null
);`;

const UPSERT = `insert into oidc (model, id, payload, grant_id, user_code, uid, expires_at)
  values ($1, $2, $3, $4, $5, $6, now() + $7 * interval '1 second')
  on conflict (model, id) do update set payload = excluded.payload, grant_id = excluded.grant_id,
    user_code = excluded.user_code, uid = excluded.uid, expires_at = excluded.expires_at`;
const LIVE = `select payload, extract(epoch from consumed_at)::int as consumed from oidc
  where model = $1 and (expires_at is null or expires_at > now())`;

/**
 * An adapter on PostgreSQL as oidc-provider's documentation outlines one: one table, an upsert, and
 * prepared statements.
 * @param {import('pg').Pool} pool
 */
export function adapterOn(pool) {
  const run = (name, text, values) => pool.query({ name, text, values });
  const find = async (name, where, values) => {
    const { rows } = await run(name, `${LIVE} and ${where} = $2`, values);
    const [row] = rows;
    if (!row) return undefined;
    return row.consumed === null ? row.payload : { ...row.payload, consumed: row.consumed };
  };
  return class PostgresAdapter {
    constructor(model) {
      this.model = model;
    }

    async upsert(id, payload, expiresIn) {
      const { grantId, userCode, uid } = payload;
      const values = [this.model, id, payload, grantId, userCode, uid, expiresIn];
      await run('upsert', UPSERT, values);
    }

    find(id) {
      return find('find', 'id', [this.model, id]);
    }

    findByUid(uid) {
      return find('find_by_uid', 'uid', [this.model, uid]);
    }

    findByUserCode(userCode) {
      return find('find_by_user_code', 'user_code', [this.model, userCode]);
    }

    async consume(id) {
      const text = 'update oidc set consumed_at = now() where model = $1 and id = $2';
      await run('consume', text, [this.model, id]);
    }

    async destroy(id) {
      await run('destroy', 'delete from oidc where model = $1 and id = $2', [this.model, id]);
    }

    async revokeByGrantId(grantId) {
      await run('revoke', 'delete from oidc where grant_id = $1', [grantId]);
    }
  };
}
