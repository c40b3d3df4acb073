import type { Database } from './database.ts';
import type { Plan } from './plan.ts';
import type { Result } from './result.ts';
import type { Server, ServerDeps } from './server.ts';

/** What every scenario gets. */
export interface Bench extends ServerDeps {
  readonly plan: Plan;
  readonly database: Database;
  /** The server under load, the same for all scenarios but those that start their own. */
  readonly server: Server;
  /** The database of that server. */
  readonly databaseUrl: string;
}

/** Measures one thing. */
export type Scenario = (bench: Bench) => Promise<Result>;
