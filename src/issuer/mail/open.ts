import { join } from 'node:path';
import type { Config } from '../../config.ts';
import { fileTransport } from './file-transport.ts';
import { createPostman, type Postman, type PostmanDeps } from './postman.ts';
import { smtpTransport } from './smtp-transport.ts';
import { readSmtpUrl } from './smtp-url.ts';

/** What a postman by configuration needs. */
export interface OpenPostmanDeps
  extends Pick<PostmanDeps, 'database' | 'clock' | 'log' | 'sealer'> {
  readonly config: Pick<Config, 'mail' | 'dataDir' | 'issuer' | 'brand'>;
}

/** A postman that sends by the configured mail server, or else writes files under the data directory. */
export function openPostman({ config, ...deps }: OpenPostmanDeps): Postman {
  const { mail, dataDir, issuer, brand } = config;
  const transport = mail
    ? smtpTransport(readSmtpUrl(mail.smtpUrl.reveal()))
    : fileTransport(join(dataDir, 'mail'));
  return createPostman({ ...deps, transport, settings: { issuer, brand, from: mail?.from } });
}
