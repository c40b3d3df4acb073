import type { AppContext } from '../../http/context.ts';
import { redactValue } from '../../kit/log-redact.ts';
import type { RequestOrigin } from './trail.ts';

/** Where a request came from, as events and sessions keep it: an agent that holds a token does not. */
export const requestOrigin = (ctx: AppContext): RequestOrigin => ({
  address: ctx.state.address,
  userAgent: ctx.state.userAgent && redactValue(ctx.state.userAgent),
  requestId: ctx.state.requestId,
});
