import type { SecurityEvent } from '../issuer/audit/trail.ts';
import type { UneventfulRefresh } from '../issuer/sessions/refresh.ts';
import type { KnownSeries } from '../metrics.ts';
import type { JwksFaultKind } from '../resource-server/jwks-fault.ts';

/** Every value of a union, which the compiler holds to it. */
const all = <T extends string>(values: Readonly<Record<T, true>>): readonly string[] =>
  Object.keys(values);

const events = all<SecurityEvent['event']>({
  registered: true,
  logged_in: true,
  login_failed: true,
  logged_out: true,
  logged_out_everywhere: true,
  session_ended: true,
  refreshed: true,
  refresh_replayed: true,
  refresh_recovered: true,
  refresh_token_reused: true,
  refresh_state_lost: true,
  cross_user_access: true,
  password_reset_requested: true,
  password_reset: true,
  password_changed: true,
  password_refused: true,
  email_verification_requested: true,
  email_verified: true,
  email_change_requested: true,
  email_changed: true,
  profile_changed: true,
  account_created: true,
  account_imported: true,
  account_deleted: true,
  account_disabled: true,
  account_enabled: true,
  keys_rotated: true,
  keys_revoked: true,
  keys_restored: true,
  rate_limited: true,
});

const validations = [
  'ok',
  'token_missing',
  'token_malformed',
  'token_signature_invalid',
  'token_claims_invalid',
  'token_expired',
];

/** What became of a presented refresh token, where an event tells. */
const EVENTFUL_REFRESHES: Partial<Record<SecurityEvent['event'], string>> = {
  refreshed: 'rotated',
  refresh_replayed: 'replayed',
  refresh_recovered: 'recovered',
  refresh_token_reused: 'stolen',
  refresh_state_lost: 'state_lost',
};

const uneventful = all<UneventfulRefresh>({
  kept: true,
  over: true,
  expired: true,
  invalid: true,
});

const jwksFetches = all<'ok' | JwksFaultKind>({
  ok: true,
  unreachable: true,
  not_json: true,
  no_keys: true,
  no_rs256_key: true,
});

/** The series that an issuer shows from its start. */
export const ISSUER_SERIES: KnownSeries = {
  events,
  validations: [...validations, 'session_ended'],
  logins: ['ok', 'invalid_credentials', 'account_disabled', 'unavailable'],
  refreshes: [...Object.values(EVENTFUL_REFRESHES), ...uneventful],
};

/** The series that a resource server shows from its start. */
export const RESOURCE_SERVER_SERIES: KnownSeries = { validations, jwksFetches };

/** What an event says of a refresh; undefined where it is none of one. */
export const refreshResultOf = (event: SecurityEvent['event']): string | undefined =>
  EVENTFUL_REFRESHES[event];
