// OpenAuth as its documentation has it for Node.js. Its storage is in memory: of the adapters that it
// comes with the others are for DynamoDB and Cloudflare. It signs with ES256 and has no choice.
import { serve } from '@hono/node-server';
import { issuer } from '@openauthjs/openauth';
import { PasswordProvider } from '@openauthjs/openauth/provider/password';
import { MemoryStorage } from '@openauthjs/openauth/storage/memory';
import { createSubjects } from '@openauthjs/openauth/subject';
import { hashPassword, verifyPassword } from './password.js';

const storage = MemoryStorage();

/** Its subjects want a schema; any will do. */
const anything = { '~standard': { version: 1, vendor: 'bench', validate: (value) => ({ value }) } };

const page = () => new Response('<form method="post"></form>', { status: 401 });

const app = issuer({
  storage,
  subjects: createSubjects({ user: anything }),
  ttl: { access: 900, refresh: 604_800 },
  providers: {
    password: PasswordProvider({
      hasher: { hash: hashPassword, verify: verifyPassword },
      login: async () => page(),
      register: async () => page(),
      change: async () => page(),
      sendCode: async () => {},
    }),
  },
  success: (ctx, { email }) => ctx.subject('user', { email }),
});

// Its own registration mails a code; this leaves what that does in the end.
app.post('/bench/register', async (c) => {
  const { email, password } = await c.req.json();
  await storage.set(['email', email, 'password'], await hashPassword(password));
  return c.body(null, 204);
});

serve({ fetch: app.fetch, port: Number(process.env.PORT), hostname: '127.0.0.1' });
