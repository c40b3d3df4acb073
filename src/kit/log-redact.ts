/**
 * In the text of a JSON line: an escape (passed over whole, so that none is cut in two), a refresh
 * token, a mailed one, a compact JWS or JWE, or what follows `Bearer`. Every branch consumes what
 * it looked at, which keeps the time linear whatever a client sends.
 */
const SECRETS =
  /\\(?:u[0-9a-f]{4}|.)|kt[rm]_[\w-]{8,}(?:\.[\w-]*)*|eyJ[\w-]*(?:\.[\w-]*)*|([Bb]earer +)[\w.~+/=-]{16,}/g;

/** What a line with a token of ours holds at least one of. */
const HINTS = ['ktr_', 'ktm_', 'eyJ', 'earer '];

const isHinted = (text: string): boolean => HINTS.some((hint) => text.includes(hint));

/** Puts a placeholder where a log line holds what looks like a token of ours; the rest stays. */
export function redactLine(line: string): string {
  if (!isHinted(line)) return line;
  return line.replace(SECRETS, (found, bearer?: string) => {
    if (bearer !== undefined) return `${bearer}[redacted]`;
    if (found.startsWith('eyJ') && found.split('.').length >= 3) return '[token]';
    return found.replace(/ktr_.{8,}/, '[refresh token]').replace(/ktm_.{8,}/, '[mailed token]');
  });
}

/** As `redactLine` for a text that is no line: a backslash in it is one, and begins no escape. */
export const redactValue = (text: string): string =>
  isHinted(text) ? JSON.parse(redactLine(JSON.stringify(text))) : text;

/**
 * As `redactLine` for a text that is no line yet, cut to `max` characters only then: a token that
 * was cut is none to the eye, and still tells what it holds. Backslashes are percent-encoded.
 */
export const redactText = (text: string, max: number): string =>
  // A line's escapes begin with one, and a token behind it would be passed over.
  redactLine(text.replaceAll('\\', '%5C')).slice(0, max);
