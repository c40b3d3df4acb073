import { expect, test } from 'vitest';
import { splitHosts } from '../../src/db/hosts.ts';
import { Secret } from '../../src/kit/secret.ts';

const split = (url: string) =>
  splitHosts(new Secret(url)).map(({ label, url: one }) => [label, one.reveal()]);

test.each([
  ['postgres://u:p@h/db', [['h:5432', 'postgres://u:p@h/db']]],
  [
    'postgresql://u:p@h1:6000,h2/db?sslmode=require&x=a,b',
    [
      // As `pg` understands it, and said so that it does not warn.
      ['h1:6000', 'postgresql://u:p@h1:6000/db?sslmode=verify-full&x=a,b'],
      ['h2:5432', 'postgresql://u:p@h2/db?sslmode=verify-full&x=a,b'],
    ],
  ],
  [
    'postgres://h1/db?uselibpqcompat=true&sslmode=require',
    [['h1:5432', 'postgres://h1/db?uselibpqcompat=true&sslmode=require']],
  ],
  [
    'postgres://u:p,@q@[::1]:5433,[2001:db8::2]/db',
    [
      ['[::1]:5433', 'postgres://u:p,@q@[::1]:5433/db'],
      ['[2001:db8::2]:5432', 'postgres://u:p,@q@[2001:db8::2]/db'],
    ],
  ],
  ['postgres://h', [['h:5432', 'postgres://h']]],
  ['postgres:///db?host=/run/pg', [['socket', 'postgres:///db?host=/run/pg']]],
])('%s', (url, expected) => {
  expect(split(url)).toEqual(expected);
});

test.each([
  '',
  'mysql://u:p@h/db',
  'h:5432/db',
  'postgres://u:p@h1,,h2/db',
  'postgres://u:p@/db',
  'postgres://u:p@h:x/db',
  'postgres://u:p@h:99999/db',
  'postgres://u:p@[::1/db',
])('refuses %j and does not repeat it', (url) => {
  const attempt = () => split(url);
  expect(attempt).toThrow(/not a PostgreSQL URL/);
  expect(attempt).not.toThrow(/u:p@/);
});
