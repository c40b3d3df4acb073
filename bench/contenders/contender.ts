import type { Bench } from '../harness/bench.ts';
import type { Exchange } from '../harness/load.ts';
import type { Server } from '../harness/server.ts';

/** What is asked of a contender, an exchange a connection. */
export interface Exchanges {
  /** From an e-mail address and a password to what further calls are made with. */
  readonly login: readonly Exchange[];
  /** A new access token, by refresh where there is one. */
  readonly token: readonly Exchange[];
  /** The caller's own account; undefined: it has no such call. */
  readonly read: readonly Exchange[] | undefined;
  readonly jwks: readonly Exchange[];
}

/** How many connections each call is made on. */
export interface Connections {
  readonly login: number;
  readonly others: number;
}

/** Something that people log in at, which is measured beside others. */
export interface Contender {
  readonly name: string;
  /** What the figures of its calls are of. */
  readonly notes: readonly string[];
  /** The package whose `node_modules` hold it, and what of them an operator installs. */
  readonly installed: { readonly directory: string; readonly packages: readonly string[] };
  /** Files and directories of its own beside the packages. */
  readonly own: readonly string[];
  /** Makes what it needs in the database; none where its start does. */
  migrate?(bench: Bench, databaseUrl: string): Promise<void>;
  /** @param home a directory for what it keeps */
  start(bench: Bench, databaseUrl: string, home: string): Promise<Server>;
  /** Registers users, and makes what is to be asked. */
  prepare(port: number, connections: Connections): Promise<Exchanges>;
}
