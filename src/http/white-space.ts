const isWhiteSpace = (unit: number): boolean => unit === 0x20 || unit === 0x09;

/**
 * A field's value, or a part of it, without the white space around it (RFC 9110 section 5.6.3): SP
 * and HTAB alone. `trim` also takes U+00A0, as which Node.js reads the byte A0: what a browser holds
 * to be another name, such as `\u00a0__Host-x`, would become the name that it must not be.
 */
export function withoutWhiteSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isWhiteSpace(text.charCodeAt(start))) start += 1;
  while (end > start && isWhiteSpace(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}
