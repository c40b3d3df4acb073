import { openConnection } from './connection.ts';
import type { Exchange } from './load.ts';

/** An answer, as far as flows look at it. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly head: string;
}

/** Requests one after the other, each made of the answers before; what it returns is what it was for. */
export type Flow<Result = void> = Generator<string, Result, Answer>;

/** The same flow again and again; all its requests together count as one. */
export function repeatFlow(begin: () => Flow<unknown>): Exchange {
  let flow = begin();
  let request = flow.next();
  return {
    next: () => request.value as string,
    answered(status, body, head) {
      request = flow.next({ status, body, head });
      if (!request.done) return false;
      flow = begin();
      request = flow.next();
      return true;
    },
  };
}

/** Goes through a flow once, on a connection of its own. */
export async function runFlow<Result>(port: number, flow: Flow<Result>): Promise<Result> {
  const { promise, resolve, reject } = Promise.withResolvers<Result>();
  const connection = await openConnection(port, reject);
  const advance = (step: IteratorResult<string, Result>): void => {
    if (step.done) resolve(step.value);
    else {
      connection.send(step.value, (status, body, head) =>
        advance(flow.next({ status, body, head })),
      );
    }
  };
  advance(flow.next());
  try {
    return await promise;
  } finally {
    connection.close();
  }
}

/** The cookies of a browser that knows one site, as a Cookie header sends them. */
export function cookieJar(): { take(answer: Answer): void; header(): string } {
  const cookies = new Map<string, string>();
  return {
    take({ head }) {
      for (const [, name = '', value = ''] of head.matchAll(
        /\r\nset-cookie: ([^=]+)=([^;\r]*)/gi,
      )) {
        if (value === '') cookies.delete(name);
        else cookies.set(name, value);
      }
    },
    header: () => Array.from(cookies, ([name, value]) => `${name}=${value}`).join('; '),
  };
}

/** Where a redirect leads to. @throws Error when it is none */
export function redirection({ status, head, body }: Answer): URL {
  const location = /\r\nlocation: ([^\r]+)/i.exec(head)?.[1];
  if (status < 300 || status > 399 || location === undefined) {
    throw new Error(`${status} instead of a redirect: ${body}`);
  }
  return new URL(location, 'http://localhost');
}

/** A member of a JSON answer that has to be a text. @throws Error when it is not */
export function textMember({ status, body }: Answer, name: string): string {
  const value: unknown = status === 200 ? JSON.parse(body)?.[name] : undefined;
  if (typeof value !== 'string') throw new Error(`${status} without ${name}: ${body}`);
  return value;
}
