import { describe, expect, test } from 'vitest';
import { readDotenv, withDotenv } from '../../src/kit/dotenv.ts';

describe('.env', () => {
  test('is read as Node reads it', () => {
    expect(readDotenv('\uFEFFA=1\n# no\nexport B="two words" # why\nC=\n')).toEqual({
      A: '1',
      B: 'two words',
      C: '',
    });
  });

  test('real variables win, were they empty', () => {
    expect(
      withDotenv({ A: 'real', B: '', C: undefined }, 'A=file\nB=file\nC=file\nD=file'),
    ).toEqual({
      A: 'real',
      B: '',
      C: 'file',
      D: 'file',
    });
  });
});
