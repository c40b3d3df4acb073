import { accounts } from './0001-accounts.ts';
import { signingKeys } from './0002-signing-keys.ts';
import { audit } from './0003-audit.ts';
import { mail } from './0004-mail.ts';
import { limits } from './0005-limits.ts';
import { mailedTokens } from './0006-mailed-tokens.ts';
import { sessionsNotEnded } from './0007-sessions-not-ended.ts';
import { requestsByEmail } from './0008-requests-by-email.ts';

/** The issuer's migrations in order; a text that was released is never changed. */
export const issuerMigrations: Readonly<Record<string, string>> = {
  '0001-accounts': accounts,
  '0002-signing-keys': signingKeys,
  '0003-audit': audit,
  '0004-mail': mail,
  '0005-limits': limits,
  '0006-mailed-tokens': mailedTokens,
  '0007-sessions-not-ended': sessionsNotEnded,
  '0008-requests-by-email': requestsByEmail,
};
