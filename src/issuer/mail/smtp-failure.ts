import { DeliveryFailure } from './transport.ts';

/** What nodemailer puts on its errors. */
interface SmtpError extends Error {
  readonly code?: string;
  /** Of the system error that it stands for. */
  readonly originalCode?: string;
  /** `RCPT TO`, `DATA`, `AUTH PLAIN`, `CONN` and the like. */
  readonly command?: string;
  readonly response?: string;
  readonly responseCode?: number;
}

/**
 * What an error of a mail server means. Of the server's words only the codes are kept: some quote
 * the mail, whose link is a secret, or the address.
 */
export function readSmtpFailure(error: unknown, phase: 'connecting' | 'sending'): DeliveryFailure {
  if (error instanceof DeliveryFailure) return error;
  const { code, originalCode, command, response, responseCode } = error as SmtpError;
  if (responseCode === undefined) {
    // nodemailer itself refuses an address that no SMTP command may hold.
    if (phase === 'sending' && code === 'EENVELOPE') {
      return new DeliveryFailure('refused', 'the address cannot be used with this mail server');
    }
    return new DeliveryFailure('away', `no answer (${originalCode ?? code ?? 'unknown'})`);
  }
  const enhanced = /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b/.exec(response ?? '')?.[1];
  const said = [command, responseCode, enhanced].filter(Boolean).join(' ');
  const kind = phase === 'connecting' ? 'away' : kindOf(command, responseCode, enhanced);
  return new DeliveryFailure(kind, `the mail server answered ${said}`);
}

/** RFC 5321, 4.2.1; enhanced codes by RFC 3463. */
function kindOf(
  command: string | undefined,
  code: number,
  enhanced: string | undefined,
): DeliveryFailure['kind'] {
  if (code === 421) return 'away';
  if (code < 500) return 'later';
  // The mail itself was refused: it will not be another the next time.
  if (command === 'DATA') return 'refused';
  // What an operator can mend is no fault of the recipient: no login, no relaying, the sender.
  const ours = command !== 'RCPT TO' || code === 530 || enhanced?.startsWith('5.7.') === true;
  return ours ? 'later' : 'refused';
}
