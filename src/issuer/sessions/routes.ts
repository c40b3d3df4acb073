import type { Database } from '../../db/database.ts';
import { noFields, readJson } from '../../http/body.ts';
import { type AppRouter, createRouter } from '../../http/context.ts';
import { notFound } from '../../http/problem.ts';
import { sendJson } from '../../http/send-json.ts';
import { AppError } from '../../kit/errors.ts';
import { requestOrigin } from '../audit/origin.ts';
import type { RecordingDeps } from '../audit/recording.ts';
import { authenticate, type BearerDeps } from './bearer.ts';
import { listSessions } from './end-store.ts';
import { endOwnSession } from './own.ts';

/** What these routes need. */
export interface SessionRoutesDeps extends BearerDeps, RecordingDeps {
  readonly database: Pick<Database, 'db' | 'transaction'>;
}

/** A user's sessions: to see them, to end one. */
export function sessionRoutes(deps: SessionRoutesDeps): AppRouter {
  const { db } = deps.database;
  return createRouter()
    .get('/api/auth/sessions', async (ctx) => {
      const caller = await authenticate(deps, ctx);
      const sessions = await listSessions(db, caller.userId, deps.clock.now());
      sendJson(ctx, {
        sessions: sessions.map((session) => ({
          id: session.id,
          current: session.id === caller.sessionId,
          created_at: session.createdAt,
          last_used_at: session.lastUsedAt,
          expires_at: session.expiresAt,
          user_agent: session.userAgent,
          ip: session.address,
        })),
      });
    })
    .delete('/api/auth/sessions/:id', async (ctx) => {
      const { userId } = await authenticate(deps, ctx);
      await readJson(ctx, noFields);
      if (!(await endOwnSession(deps, userId, ctx.params.id ?? '', requestOrigin(ctx)))) {
        throw new AppError(notFound, { detail: 'You have no live session with this id.' });
      }
      ctx.status = 204;
    });
}
