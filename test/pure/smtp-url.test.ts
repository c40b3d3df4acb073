import { describe, expect, test } from 'vitest';
import { readSmtpFailure } from '../../src/issuer/mail/smtp-failure.ts';
import { readSmtpUrl } from '../../src/issuer/mail/smtp-url.ts';
import { DeliveryFailure } from '../../src/issuer/mail/transport.ts';

describe('SMTP_URL', () => {
  test.each([
    ['smtp://mail.example.com', { host: 'mail.example.com', port: 587, starttls: 'offered' }],
    ['smtp://mail.example.com:25', { port: 25, secure: false, auth: undefined }],
    ['smtps://mail.example.com', { port: 465, secure: true, rejectUnauthorized: true }],
    ['smtp://u:p@mail.example.com', { starttls: 'required', auth: { user: 'u', pass: 'p' } }],
    ['smtps://a%40b:p%2F%3A%25@h', { auth: { user: 'a@b', pass: 'p/:%' } }],
    ['smtp://h?requireTLS=true', { starttls: 'required' }],
    ['smtp://h?tls.rejectUnauthorized=false', { rejectUnauthorized: false }],
    ['smtp://u:p@localhost:1025', { starttls: 'never', port: 1025 }],
    ['smtp://127.0.0.1:1025', { starttls: 'never' }],
    ['smtp://[::1]:1025', { starttls: 'never', host: '::1' }],
    ['smtp://localhost?requireTLS=true', { starttls: 'required' }],
    ['smtp://127.0.0.1.example.com', { starttls: 'offered' }],
    ['smtp://localhost.example.com', { starttls: 'offered' }],
  ])('%s', (url, server) => {
    expect(readSmtpUrl(url)).toMatchObject(server);
  });
});

describe('an answer of the mail server', () => {
  const LINK = 'https://id.example.com/reset-password#token=abc';
  const answered = (command: string, response: string) =>
    Object.assign(new Error(response), {
      code: 'EENVELOPE',
      command,
      response,
      responseCode: Number(response.slice(0, 3)),
    });

  test.each([
    ['RCPT TO', '550 5.1.1 no such user', 'refused'],
    ['RCPT TO', '550 no such user', 'refused'],
    ['RCPT TO', '553-5.1.3 bad address', 'refused'],
    ['RCPT TO', '450 4.2.0 greylisted', 'later'],
    ['RCPT TO', '554 5.7.1 relay access denied', 'later'],
    ['RCPT TO', '530 authentication required', 'later'],
    ['MAIL FROM', '550 5.1.8 sender rejected', 'later'],
    ['DATA', `554 5.7.1 blocked: ${LINK}`, 'refused'],
    ['DATA', '452 4.3.1 disk full', 'later'],
    ['RCPT TO', '421 4.3.2 shutting down', 'away'],
  ])('%s: %s is %s', (command, response, kind) => {
    const failure = readSmtpFailure(answered(command, response), 'sending');
    expect(failure.kind).toBe(kind);
    expect(failure.message).toMatch(
      /^the mail server answered (RCPT TO|MAIL FROM|DATA) \d{3}( [45]\.\d\.\d)?$/,
    );
  });

  test('to the login concerns every mail', () => {
    const error = answered('AUTH PLAIN', '535 5.7.8 wrong password');
    expect(readSmtpFailure(error, 'connecting')).toMatchObject({
      kind: 'away',
      message: 'the mail server answered AUTH PLAIN 535 5.7.8',
    });
  });

  test.each([
    [
      Object.assign(new Error(LINK), { code: 'ESOCKET', originalCode: 'ECONNREFUSED' }),
      'ECONNREFUSED',
    ],
    [Object.assign(new Error(LINK), { code: 'ETIMEDOUT' }), 'ETIMEDOUT'],
    [new Error(LINK), 'unknown'],
  ])('that never came says why by a code alone', (error, code) => {
    expect(readSmtpFailure(error, 'sending')).toMatchObject({
      kind: 'away',
      message: `no answer (${code})`,
    });
  });

  test('to an address that cannot be said is for good', () => {
    const error = Object.assign(new Error('Invalid recipient "x"'), { code: 'EENVELOPE' });
    expect(readSmtpFailure(error, 'sending').kind).toBe('refused');
    const own = new DeliveryFailure('later', 'x');
    expect(readSmtpFailure(own, 'sending')).toBe(own);
  });
});
