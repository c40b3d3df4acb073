import { createKeyturn, type User } from 'keyturn/client';
import { useSyncExternalStore } from 'react';

/** Where Keyturn is. */
export const ISSUER = import.meta.env.VITE_ISSUER ?? 'http://localhost:3000';

/** One client for the whole page. A session that ends leads to the login page and back. */
export const keyturn = createKeyturn({ issuer: ISSUER });

/** Who is signed in; null: nobody; undefined: not known yet. */
export const useUser = (): User | null | undefined =>
  useSyncExternalStore(keyturn.onChange, () => keyturn.user);
