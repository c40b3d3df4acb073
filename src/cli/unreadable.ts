/** Why a file that somebody named cannot be read, in words that go behind `cannot be read: `. */
export function whyUnreadable(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'there is no such file';
    case 'EISDIR':
      return 'that is a directory';
    case 'EACCES':
    case 'EPERM':
      return 'this user may not read it';
    default:
      return message;
  }
}
