import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';

/** A kind of nonsense that is sent to a server. */
type Rubbish = (url: string) => Promise<number | undefined>;

const text = (bytes: number): string => randomBytes(bytes).toString('base64url');
/** An address that nobody has used: what is kept for each must not grow for ever. */
const anybody = () => ({
  'X-Forwarded-For': Array.from({ length: 4 }, () => randomInt(256)).join('.'),
});

async function ask(url: string, init: RequestInit): Promise<number> {
  const response = await fetch(url, { ...init, headers: { ...anybody(), ...init.headers } });
  await response.arrayBuffer();
  return response.status;
}

const post = (url: string, body: string, type = 'application/json'): Promise<number> =>
  ask(url, { method: 'POST', body, headers: { 'Content-Type': type } });

/** No HTTP; what is answered is read to the end. */
const bytes: Rubbish = async (url) => {
  const { port, hostname } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {}).resume();
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await once(socket, 'connect');
  socket.end(randomBytes(200));
  await closed;
  return undefined;
};

const KINDS: readonly Rubbish[] = [
  bytes,
  (url) => ask(`${url}/${text(20)}?${text(20)}`, {}),
  (url) => ask(`${url}/api/users/${text(20)}/todos/${text(20)}`, {}),
  (url) => ask(`${url}/api/auth/me`, { headers: { Authorization: `Bearer ${text(400)}` } }),
  (url) => ask(`${url}/api/users/me/todos`, { headers: { Authorization: `Bearer ${token()}` } }),
  (url) => post(`${url}/api/auth/login`, text(2000)),
  (url) => post(`${url}/api/auth/login`, JSON.stringify({ [text(9)]: text(2000) })),
  (url) => post(`${url}/api/auth/refresh`, JSON.stringify({ refresh_token: `ktr_${text(100)}` })),
  (url) => post(`${url}/api/auth/email/verify`, JSON.stringify({ token: text(32) })),
  (url) => post(`${url}/api/auth/register`, text(3000), `${text(6)}/${text(6)}`),
  // The refusal may come, and the connection close, before all of it is sent.
  (url) => post(`${url}/api/auth/register`, `{"email":"${text(70_000)}`).catch(() => undefined),
];

/** Looks like an access token of a key that nobody has. */
function token(): string {
  const header = { alg: 'RS256', typ: 'at+jwt', kid: text(12) };
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part(header)}.${part({ sub: text(9) })}.${text(256)}`;
}

/**
 * Sends so many pieces of rubbish, some at a time.
 * @returns the statuses of what was answered
 */
export async function sendRubbish(url: string, count: number, atOnce = 20): Promise<number[]> {
  const statuses: number[] = [];
  let sent = 0;
  const sender = async () => {
    while (sent < count) {
      const status = await KINDS[sent++ % KINDS.length]?.(url);
      if (status !== undefined) statuses.push(status);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, sender));
  return statuses;
}
