import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { vi } from 'vitest';
import type { TestKeyturn } from './keyturn.ts';

/** A message with a text and an HTML part, read. */
export interface ReadMail {
  /** By lower-case name, unfolded. */
  readonly headers: Readonly<Record<string, string>>;
  readonly subject: string;
  readonly to: string;
  readonly text: string;
  readonly html: string;
  /** The links of the text. */
  readonly links: readonly string[];
}

/** Reads a message (RFC 5322) of the two parts of multipart/alternative. Throws on any other. */
export function readMessage(raw: string): ReadMail {
  const { headers, body } = split(raw);
  const boundary = /^multipart\/alternative; boundary="([^"]+)"$/.exec(
    headers['content-type'] ?? '',
  )?.[1];
  const [preamble, plain, rich, end, ...more] = body.split(`--${boundary}`);
  if (preamble !== '' || end?.trim() !== '--' || more.length > 0) throw new Error('not two parts');
  const text = readPart(plain, 'text/plain; charset=utf-8');
  return {
    headers,
    subject: decodeWords(headers.subject ?? ''),
    to: headers.to ?? '',
    text,
    html: readPart(rich, 'text/html; charset=utf-8'),
    links: text.match(/https?:\/\/\S+/g) ?? [],
  };
}

function readPart(raw: string | undefined, type: string): string {
  const { headers, body } = split((raw ?? '').replace(/^\r\n/, ''));
  if (headers['content-type'] !== type) throw new Error(`not ${type}`);
  const encoding = headers['content-transfer-encoding'];
  if (encoding !== 'quoted-printable') throw new Error(`not quoted-printable: ${encoding}`);
  return decodeQuotedPrintable(body.replace(/\r\n$/, '')).replaceAll('\r\n', '\n');
}

function split(raw: string): { headers: Record<string, string>; body: string } {
  const end = raw.indexOf('\r\n\r\n');
  const lines = raw
    .slice(0, end)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n');
  const headers = lines.map((line) => {
    const [, name = '', value = ''] = /^([^:]+): (.*)$/.exec(line) ?? [];
    return [name.toLowerCase(), value];
  });
  return { headers: Object.fromEntries(headers), body: raw.slice(end + 4) };
}

/** RFC 2045, 6.7. */
function decodeQuotedPrintable(text: string): string {
  const bytes = text
    .replace(/=\r\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** RFC 2047. */
function decodeWords(text: string): string {
  return text
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(/=\?UTF-8\?([QB])\?(.*?)\?=/gi, (_, kind, word) =>
      kind.toUpperCase() === 'B'
        ? Buffer.from(word, 'base64').toString()
        : decodeQuotedPrintable(word.replaceAll('_', ' ')),
    );
}

/** Waits until nothing is left in the outbox, then reads all that was written, the oldest first. */
export async function mailsOf(keyturn: TestKeyturn): Promise<ReadMail[]> {
  await vi.waitUntil(
    async () => {
      keyturn.parts.issuer?.jobs.sendMail();
      return (await keyturn.sql('SELECT id FROM outbox_mails LIMIT 1')).length === 0;
    },
    { timeout: 60_000, interval: 20 },
  );
  const directory = join(keyturn.config.dataDir, 'mail');
  const files = (await readdir(directory).catch(() => [])).filter((name) => name.endsWith('.eml'));
  return Promise.all(
    files.sort().map(async (name) => readMessage(await readFile(join(directory, name), 'utf8'))),
  );
}

/** The mails to one address, the oldest first; see `mailsOf`. */
export const mailsTo = async (keyturn: TestKeyturn, email: string): Promise<ReadMail[]> =>
  (await mailsOf(keyturn)).filter(({ to }) => to === email);

/** The token in the newest mail to an address. Throws where there is none. */
export async function mailedToken(keyturn: TestKeyturn, email: string): Promise<string> {
  const link = (await mailsTo(keyturn, email)).at(-1)?.links.find((one) => one.includes('#token='));
  if (link === undefined) throw new Error(`no link was mailed to ${email}`);
  return link.slice(link.indexOf('#token=') + '#token='.length);
}
