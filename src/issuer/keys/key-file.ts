/** Who may read a file. */
interface Access {
  readonly mode: number;
  readonly uid: number;
}

/**
 * Who besides the server can read a key's file, and what to do about it; undefined when nobody can,
 * or the system has no owners. Root can read everything anyway.
 * @param server the user that the server runs as; undefined on Windows
 */
export function exposureOf(
  path: string,
  { mode, uid }: Access,
  server = process.getuid?.(),
): string | undefined {
  if (server === undefined) return undefined;
  if (mode & 0o077) return `${path} can be read by others. Mend it with: chmod 600 ${path}`;
  if (uid === server || uid === 0) return undefined;
  return `${path} belongs to another user (${uid}). Mend it with: chown ${server} ${path}`;
}
