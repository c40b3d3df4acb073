import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { greeting } from '../../src/issuer/mail/greeting.ts';
import type { Mail, MailKind } from '../../src/issuer/mail/mail.ts';
import { type MessageSettings, renderMessage } from '../../src/issuer/mail/message.ts';
import { formatHex, parseHex, readableOn } from '../../src/kit/color.ts';
import { after, seconds } from '../../src/kit/duration.ts';
import { escapeHtml } from '../../src/kit/html-escape.ts';
import type { UserId } from '../../src/kit/id.ts';
import { type ReadMail, readMessage } from '../support/eml.ts';

const CREATED = new Date('2026-01-01T14:30:00Z');
const LINK = `https://id.example.com/reset-password#token=${'aZ0-_'.repeat(10)}`;
const expiresAt = after(CREATED, seconds(30 * 60));
const LINKED = ['verify_email', 'set_password', 'reset_password', 'confirm_email_change'] as const;
const NOTICES = [
  'password_changed',
  'password_reset',
  'email_changed',
  'email_change_requested',
  'account_exists',
  'account_deleted',
] as const;
const MAILS: readonly Mail[] = [
  ...LINKED.map((kind) => ({ kind, link: LINK, expiresAt })),
  ...NOTICES.map((kind) => ({ kind })),
];
const SETTINGS: MessageSettings = {
  issuer: 'https://id.example.com',
  brand: { name: 'Example' },
  from: 'Example <id@example.com>',
};
const ROW = {
  id: '019b7a00-0000-7000-8000-000000000000',
  userId: '019b7a00-0000-7000-8000-000000000001' as UserId,
  recipient: 'ann@example.net',
  createdAt: CREATED,
};

async function render(
  mail: Mail,
  { name = null, ...settings }: Partial<MessageSettings> & { name?: string | null } = {},
): Promise<ReadMail & { raw: string }> {
  const row = { ...ROW, kind: mail.kind };
  const { message } = await renderMessage({ ...SETTINGS, ...settings }, row, { name, mail });
  return { ...readMessage(message.toString()), raw: message.toString() };
}

const one = (kind: MailKind): Mail => {
  const found = MAILS.find((mail) => mail.kind === kind);
  if (!found) throw new Error(`no such mail: ${kind}`);
  return found;
};

describe.each(MAILS)('the mail $kind', (mail) => {
  test('says the same as text and as HTML', async () => {
    const { text, html, subject } = await render(mail);
    expect(subject).toContain('Example');
    expect(html).toMatch(/^<!doctype html>\n<html lang="en">/);
    const said = html
      .replace(/<(style|title)>[\s\S]*?<\/\1>/g, '')
      .replace(/<[^>]*>/g, '')
      .replace(/\s+/g, ' ');
    for (const line of text.split('\n').slice(0, -3)) {
      expect(said).toContain(escapeHtml(line.replace(/:$/, '')));
    }
  });

  test('leads to the issuer alone, and fetches nothing', async () => {
    const { text, html } = await render(mail);
    const links = [...text.matchAll(/https?:[^\s]+/g), ...html.matchAll(/https?:[^"<\s]+/g)];
    for (const [link] of links) expect(link).toMatch(/^https:\/\/id\.example\.com(\/|$)/);
    expect(html).not.toMatch(/<(img|script|link|iframe|form)\b|url\(|@import/);
  });

  test('has headers as mails from machines have, on ASCII lines of at most 78', async () => {
    const { headers, raw } = await render(mail);
    expect(headers).toMatchObject({
      from: 'Example <id@example.com>',
      to: 'ann@example.net',
      date: 'Thu, 01 Jan 2026 14:30:00 +0000',
      'message-id': `<${ROW.id}@id.example.com>`,
      'auto-submitted': 'auto-generated',
      'mime-version': '1.0',
    });
    for (const line of raw.split('\r\n')) {
      expect(line.length).toBeLessThanOrEqual(78);
      expect(line).toMatch(/^[\t\x20-\x7e]*$/);
    }
  });

  test('is the same to the last byte when it is rendered again', async () => {
    expect((await render(mail)).raw).toBe((await render(mail)).raw);
  });
});

describe('a link', () => {
  test.each(LINKED)(
    'of %s stands whole on a line of its own, and behind the button',
    async (kind) => {
      const { text, html, links } = await render(one(kind));
      expect(text.split('\n')).toContain(LINK);
      expect(links).toEqual([LINK]);
      expect(html.split(`href="${LINK}"`)).toHaveLength(3);
    },
  );

  test('says for how long it works', async () => {
    const { text } = await render(one('reset_password'));
    expect(text).toContain(
      'The link works once, for 30 minutes, until 1 January 2026 at 15:00 UTC.',
    );
    const day = { kind: 'verify_email', link: LINK, expiresAt: after(CREATED, seconds(90_001)) };
    expect((await render(day as Mail)).text).toContain('for 1 day 1 hour 1 second, until');
  });

  test.each(NOTICES)('with a token is not in %s', async (kind) => {
    expect((await render(one(kind))).text).not.toContain('#');
  });
});

describe('a name', () => {
  test.each(['Ann', 'José-María O’Brien', 'Dr. Ann von Ähren', '山田 太郎', '  Ann   B.  '])(
    'that is one is greeted: %s',
    async (name) => {
      const { text, html } = await render(one('password_changed'), { name });
      const hello = `Hello ${name.trim().replace(/\s+/g, ' ')},`;
      expect(text.split('\n')[0]).toBe(hello);
      expect(html).toContain(escapeHtml(hello));
    },
  );

  test.each([
    null,
    '',
    'evil.example',
    'Win at https://evil.example/now',
    'call evil@example.com',
    '<b>Ann</b>',
    '&amp;',
    'Ann"\r\nBcc: eve@example.com',
    'Ann\u202etxt',
    'A'.repeat(61),
    'javascript:alert(1)',
  ])('that could be more is left out: %j', (name) => {
    expect(greeting(name)).toBe('Hello,');
  });

  test('never is markup, a header or a line', async () => {
    const name = fc.string({ unit: 'binary', maxLength: 80 });
    await fc.assert(
      fc.asyncProperty(name, async (name) => {
        const { headers, text, html } = await render(one('password_changed'), { name });
        const plain = await render(one('password_changed'));
        expect(headers).toEqual(plain.headers);
        expect(text.split('\n').slice(1)).toEqual(plain.text.split('\n').slice(1));
        expect(html.match(/<[^>]*>/g)).toEqual(plain.html.match(/<[^>]*>/g));
      }),
    );
  });
});

describe('the brand', () => {
  const brand = {
    name: 'R&D <Ünited>',
    color: '#ffd400',
    logo: 'https://cdn.example.com/l.png?a=1&b=2',
  };

  test('is named and drawn, and is no markup', async () => {
    const { subject, html, text } = await render(one('reset_password'), { brand });
    expect(subject).toBe('Reset your R&D <Ünited> password');
    expect(text).toMatch(/-- \nR&D <Ünited>\n$/);
    expect(html).toContain('alt="R&amp;D &lt;Ünited&gt;"');
    expect(html).toContain('src="https://cdn.example.com/l.png?a=1&amp;b=2"');
    expect(html).toContain('background:#ffd400;color:#000000');
    expect(html).not.toContain('<Ünited>');
  });

  test('is that of the pages where none is set', async () => {
    const theme = await readFile('src/issuer/pages/static/theme.css', 'utf8');
    const [accent = '', onAccent = ''] = ['accent', 'on-accent'].map(
      (name) => new RegExp(`--${name}: (#\\w{6})`).exec(theme)?.[1],
    );
    const { html } = await render(one('reset_password'));
    expect(html).toContain(`background:${accent};color:${onAccent}`);
  });

  test.each([
    ['#000', '#ffffff'],
    ['#0b5fff', '#ffffff'],
    ['#FFD400', '#000000'],
    ['#fff', '#000000'],
    ['#767676', '#000000'],
    ['#0c6a51', '#ffffff'],
  ])('on %s the button says it in %s', (color, text) => {
    expect(formatHex(readableOn(parseHex(color)))).toBe(text);
  });

  test.each([
    ['https://id.example.com', 'no-reply@id.example.com'],
    ['http://localhost:3000', 'no-reply@localhost'],
    ['http://[::1]:3000', 'no-reply@localhost'],
  ])('sends from %s as %s where no sender is set', async (issuer, address) => {
    const mail = await render(one('account_deleted'), { issuer, from: undefined, brand });
    expect(mail.headers.from).toContain(`<${address}>`);
  });

  test.each([
    ['id@example.com', 'id@example.com'],
    ['"Doe, Jane" <id@example.com>', '"Doe, Jane" <id@example.com>'],
    ['Doe, Jane <id@example.com>', '"Doe, Jane" <id@example.com>'],
  ])('takes the sender %s', async (from, header) => {
    const mail = one('account_deleted');
    const row = { ...ROW, kind: mail.kind };
    const out = await renderMessage({ ...SETTINGS, from }, row, { name: null, mail });
    expect(out.from).toBe('id@example.com');
    expect(readMessage(out.message.toString()).headers.from).toBe(header);
  });
});
