/** Finds what is wanted of an address, however much waits. */
export const requestsByEmail = `
-- Where addresses have to be verified, each login asks.
CREATE INDEX account_requests_email_idx ON account_requests (email);
`;
