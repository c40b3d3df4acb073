import type { SecurityEvent } from '../audit/trail.ts';
import type { Decision, KeyCommand } from './machine.ts';

/**
 * What the audit trail keeps of a transition: that another key signs or will, or that keys were
 * forbidden; publishing the next one is no event. The reason names the key.
 */
export function eventOf(
  command: KeyCommand,
  { redate }: Decision & { kind: 'change' },
  restored: boolean,
): SecurityEvent | undefined {
  if (restored) return { event: 'keys_restored' };
  if (command.kind === 'revoke') return { event: 'keys_revoked', reason: command.kid };
  if (command.kind === 'revoke_all') return { event: 'keys_revoked', reason: 'all' };
  const promoted = redate.find(({ activatedAt }) => activatedAt);
  return promoted && { event: 'keys_rotated', reason: promoted.kid };
}
