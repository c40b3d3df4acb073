import { describe, expect, test } from 'vitest';
import { describeFailure, FAILED } from '../../src/control/failure.ts';

const systemError = (message: string, code: string, syscall: string) =>
  Object.assign(new Error(message), { code, syscall });

describe('what an operator is told of a system error', () => {
  test.each([
    ['EADDRINUSE', 'set PORT to another'],
    ['EACCES', 'Set HOST and PORT'],
    ['EADDRNOTAVAIL', 'Set HOST and PORT'],
  ])('%s when listening: which variables mend it', (code, advice) => {
    const { detail, status } = describeFailure(systemError(`listen ${code}`, code, 'listen'));
    expect(detail).toContain(advice);
    expect(status).toBe(FAILED);
  });

  test('EACCES of a file: the path, and nothing about listening', () => {
    const message = "EACCES: permission denied, mkdir '/srv/data'";
    const failure = describeFailure(systemError(message, 'EACCES', 'mkdir'));
    expect(failure).toEqual({ code: 'failed', detail: message, status: FAILED });
  });
});
