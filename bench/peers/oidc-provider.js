// oidc-provider with PostgreSQL behind it. It leaves accounts and their login to whoever runs it: those
// here are the least that can be, a table and one password check.
import { json } from 'node:stream/consumers';
import Provider from 'oidc-provider';
import pg from 'pg';
import { adapterOn, SCHEMA } from './oidc-adapter.js';
import { hashPassword, verifyPassword } from './password.js';

const { PORT, DATABASE_URL, POOL_SIZE, SECRET, SIGNING_JWK } = process.env;
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: Number(POOL_SIZE) });
const issuer = `http://localhost:${PORT}`;
const api = 'urn:bench:api';

async function findUser(by, value) {
  const text = `select id, email, name, password_hash from users where ${by} = $1`;
  const { rows } = await pool.query({ name: `user_by_${by}`, text, values: [value] });
  return rows[0];
}

/** What documentation calls skipping consent for clients of one's own. */
async function loadExistingGrant(ctx) {
  const { session, client, result } = ctx.oidc;
  const id = result?.consent?.grantId ?? session.grantIdFor(client.clientId);
  if (id) return ctx.oidc.provider.Grant.find(id);
  const grant = new ctx.oidc.provider.Grant({
    clientId: client.clientId,
    accountId: session.accountId,
  });
  grant.addOIDCScope('openid email profile');
  grant.addResourceScope(api, 'api');
  await grant.save();
  return grant;
}

/** @param {string} jwk the private signing key */
function createProvider(jwk) {
  return new Provider(issuer, {
    adapter: adapterOn(pool),
    clients: [
      {
        client_id: 'bench',
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'refresh_token'],
        redirect_uris: ['https://app.example/callback'],
      },
    ],
    jwks: { keys: [JSON.parse(jwk)] },
    cookies: { keys: [SECRET] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    findAccount: async (_ctx, id) => {
      const user = await findUser('id', id);
      if (!user) return undefined;
      const { email, name } = user;
      return {
        accountId: id,
        claims: async () => ({ sub: id, email, email_verified: false, name }),
      };
    },
    loadExistingGrant,
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    expiresWithSession: async () => false,
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    features: {
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: async () => true,
        getResourceServerInfo: async () => ({
          scope: 'api',
          audience: api,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 900,
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
    ttl: {
      AccessToken: 900,
      AuthorizationCode: 60,
      Grant: 1_209_600,
      IdToken: 900,
      Interaction: 3600,
      RefreshToken: 604_800,
      Session: 1_209_600,
    },
  });
}

async function serve() {
  const provider = createProvider(SIGNING_JWK);
  provider.use(async (ctx, next) => {
    if (ctx.method !== 'POST') return next();
    if (ctx.path === '/bench/register') {
      const { email, name, password } = await json(ctx.req);
      const values = [email, name, await hashPassword(password)];
      await pool.query(
        'insert into users (email, name, password_hash) values ($1, $2, $3)',
        values,
      );
      ctx.status = 204;
      return undefined;
    }
    if (!ctx.path.startsWith('/interaction/')) return next();
    const { email, password } = await json(ctx.req);
    const user = await findUser('email', email);
    if (!user || !(await verifyPassword(password, user.password_hash))) {
      ctx.status = 401;
      return undefined;
    }
    await provider.interactionFinished(ctx.req, ctx.res, { login: { accountId: user.id } });
    ctx.respond = false;
    return undefined;
  });
  provider.listen(Number(PORT), '127.0.0.1');
}

if (process.argv[2] === 'migrate') {
  await pool.query(SCHEMA);
  await pool.end();
} else {
  await serve();
}
