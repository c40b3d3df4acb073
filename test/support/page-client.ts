import request, { type Response } from 'supertest';
import { PASSWORD, setCookies } from './client.ts';
import type { TestKeyturn } from './keyturn.ts';

type Headers = Readonly<Record<string, string>>;

/** A browser without scripts on the hosted pages: keeps cookies, sends forms, follows nothing. */
export interface PageClient {
  /** `name=value` of the refresh token's cookie that it holds. */
  cookie: string | undefined;
  /** The pages' own cookies that it holds, by their names. */
  readonly others: Map<string, string>;
  get(path: string, headers?: Headers): Promise<Response>;
  /** Sends a form from the issuer's own origin, unless `headers` says otherwise. */
  send(
    path: string,
    fields: Readonly<Record<string, string>>,
    headers?: Headers,
  ): Promise<Response>;
  /** Registers somebody by the form. */
  register(email: string): Promise<void>;
}

/** Opens pages at a Keyturn, by the host name of its issuer. */
export function pageClient(keyturn: Pick<TestKeyturn, 'url' | 'issuer'>): PageClient {
  const { host } = new URL(keyturn.issuer);
  const keep = (response: Response): Response => {
    for (const set of setCookies(response)) {
      const pair = set.slice(0, set.indexOf(';'));
      const name = pair.slice(0, pair.indexOf('='));
      const gone = /Max-Age=0/.test(set);
      if (name.endsWith('keyturn_refresh')) client.cookie = gone ? undefined : pair;
      else if (gone) client.others.delete(name);
      else client.others.set(name, pair);
    }
    return response;
  };
  const cookies = () => [client.cookie, ...client.others.values()].filter(Boolean).join('; ');
  const common = (): Headers => ({
    Host: host,
    Accept: 'text/html,application/xhtml+xml,*/*;q=0.8',
    ...(cookies() !== '' && { Cookie: cookies() }),
  });
  const client: PageClient = {
    cookie: undefined,
    others: new Map(),
    get: async (path, headers = {}) =>
      keep(
        await request(keyturn.url)
          .get(path)
          .redirects(0)
          .set({ ...common(), ...headers }),
      ),
    send: async (path, fields, headers = {}) =>
      keep(
        await request(keyturn.url)
          .post(path)
          .redirects(0)
          .type('form')
          .set({ ...common(), Origin: keyturn.issuer, ...headers })
          .send(new URLSearchParams(fields).toString()),
      ),
    async register(email) {
      await client.send('/register', { email, password: PASSWORD, name: 'Ann' });
      if (client.cookie === undefined) throw new Error('registering set no cookie');
    },
  };
  return client;
}

/** The text beside a field that says what is wrong with it. */
export function faultBeside({ text }: Response, id: string): string | undefined {
  return new RegExp(`<p class="error" id="${id}-error">([^<]*)</p>`).exec(text)?.[1];
}
