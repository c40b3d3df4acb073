import { type ApiDocs, openApiDocs } from '../api-docs/api-docs.ts';
import type { Config } from '../config.ts';
import { HEALTH_OPERATIONS } from '../http/health-operations.ts';
import { refreshCookieName } from '../issuer/login/refresh-cookie.ts';
import { ISSUER_OPERATIONS } from '../issuer/operations.ts';
import { VERSION } from '../kit/version.ts';
import { TODO_OPERATIONS } from '../resource-server/operations.ts';

/** Describes what a process serves in its role. */
export function describeApi({
  role,
  issuer,
  trustProxy,
}: Pick<Config, 'role' | 'issuer' | 'trustProxy'>): Promise<ApiDocs> {
  // A resource server alone knows the issuer's URL and not its own.
  const own = role === 'resource-server' ? undefined : issuer;
  return openApiDocs({
    version: VERSION,
    server: own ?? '/',
    cookieName: own === undefined ? undefined : refreshCookieName(own),
    issuer: own,
    trustProxy,
    operations: [
      ...(own === undefined ? [] : ISSUER_OPERATIONS),
      ...(role === 'issuer' ? [] : TODO_OPERATIONS),
      ...HEALTH_OPERATIONS,
    ],
  });
}
