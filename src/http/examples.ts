/** Whom the examples of the API are about; the README has the same. */
export const ADA = {
  email: 'ada@example.com',
  password: 'a long and secret one',
  name: 'Ada',
} as const;

/** Another good password, for calls that take two. */
export const OTHER_PASSWORD = 'another long and secret one';

/** Stands where a refresh token is put. */
export const REFRESH_TOKEN = 'ktr_…';

/** Stands where the token of a mailed link is put. */
export const MAILED_TOKEN = 'ktm_…';
