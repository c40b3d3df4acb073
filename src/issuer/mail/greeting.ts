/** What a name consists of; no slash, at sign or colon, which make links. */
const NAME = /^[\p{L}\p{M}\p{N} .'’-]{1,60}$/u;
/** A full stop inside a word, as in a host name: mail programs make links of such. */
const HOST = /\.[\p{L}\p{M}\p{N}]/u;

/** How a mail begins: by name only where that cannot be taken for anything but a name. */
export function greeting(name: string | null): string {
  const tidy = name?.normalize('NFC').trim().replace(/\s+/g, ' ') ?? '';
  return NAME.test(tidy) && !HOST.test(tidy) ? `Hello ${tidy},` : 'Hello,';
}
