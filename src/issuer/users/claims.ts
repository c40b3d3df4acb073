import type { User } from './store.ts';

/** What access tokens say of a user (OpenID Connect Core section 5.1). */
export const claimsOf = (user: User) => ({
  email: user.email,
  email_verified: user.emailVerified,
  name: user.name,
});

/** A user as the API shows one. */
export const renderUser = (user: User) => ({
  id: user.id,
  email: user.email,
  email_verified: user.emailVerified,
  name: user.name,
  created_at: user.createdAt,
});
