import { greeting } from './greeting.ts';
import { type MailBrand, renderHtml, renderText } from './layout.ts';
import type { Mail } from './mail.ts';
import type { ClaimedMail } from './store.ts';
import { mailText } from './templates.ts';
import type { OutgoingMail } from './transport.ts';

/** What all messages have in common. */
export interface MessageSettings {
  readonly issuer: string;
  readonly brand: MailBrand;
  /** `id@example.com`, with or without a name; undefined: made of the issuer, for files. */
  readonly from: string | undefined;
}

/** What the sealed text of a mail holds. */
export interface MailContent {
  /** Of the recipient, where the mail may say it. */
  readonly name: string | null;
  readonly mail: Mail;
}

/**
 * Renders a mail: text and HTML in one message (RFC 2046, multipart/alternative). A mail that is
 * sent again is the same to the last byte, its Message-ID included.
 */
export async function renderMessage(
  settings: MessageSettings,
  row: Pick<ClaimedMail, 'id' | 'kind' | 'userId' | 'recipient' | 'createdAt'>,
  { name, mail }: MailContent,
): Promise<OutgoingMail> {
  const { issuer, brand } = settings;
  const hostname = new URL(issuer).hostname.replace(/^\[.*\]$/, 'localhost');
  const text = mailText(mail, { brand: brand.name, issuer, createdAt: row.createdAt });
  const hello = greeting(name);
  const from =
    settings.from === undefined
      ? { name: brand.name, address: `no-reply@${hostname}` }
      : readSender(settings.from);
  // Not before there is a mail: every start would wait for it.
  const { default: MailComposer } = await import('nodemailer/lib/mail-composer');
  const node = new MailComposer({
    from,
    to: { name: '', address: row.recipient },
    subject: text.subject,
    text: renderText(hello, text, brand),
    html: renderHtml(hello, text, brand),
    messageId: `<${row.id}@${hostname}>`,
    date: row.createdAt,
    headers: {
      // RFC 3834: no out-of-office replies, please.
      'Auto-Submitted': 'auto-generated',
      'X-Auto-Response-Suppress': 'All',
      'Content-Language': 'en',
    },
    encoding: 'quoted-printable',
    baseBoundary: row.id,
    newline: 'win',
    disableFileAccess: true,
    disableUrlAccess: true,
  }).compile();
  return { mail: row, from: from.address, to: row.recipient, message: await node.build() };
}

/** The parts of a checked sender: `id@example.com`, `Example <id@example.com>`, the name quoted or not. */
function readSender(text: string): { name: string; address: string } {
  const [, name = '', address = text] = /^([^<>]*)<([^<>]*)>$/.exec(text) ?? [];
  return { name: name.trim().replace(/^"(.*)"$/, '$1'), address };
}
