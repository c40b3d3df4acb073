import { type DeletionDeps, passOnDeletions } from '../issuer/accounts/deletions.ts';
import type { Logger } from '../kit/log.ts';
import { deleteTodosOf } from '../resource-server/store.ts';
import { UNDEFINED_TABLE } from './failure.ts';

/**
 * Makes what tells the bundled service of users who are gone, where it has its todos in the same
 * database, as the server does within a minute: by then they could be back with an import.
 */
export function forgetTodos(
  deps: Omit<DeletionDeps, 'forgetUsers'> & { readonly log: Logger },
): () => Promise<void> {
  const { database, log } = deps;
  const passOn = passOnDeletions({
    ...deps,
    forgetUsers: (userIds) => deleteTodosOf(database.db, userIds),
  });
  return async () => {
    try {
      await passOn();
    } catch (err) {
      // The users are gone whatever comes of this, and the server tries again.
      if ((err as { code?: unknown }).code !== UNDEFINED_TABLE) {
        log.warn({ err }, 'a deletion is not passed on');
      }
    }
  };
}
