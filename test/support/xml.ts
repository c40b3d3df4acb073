/** The elements of an XML text by name. @throws Error where it is not well-formed */
export function readXml(xml: string): Map<string, number> {
  const counts = new Map<string, number>();
  const open: string[] = [];
  const token =
    /<(\/?)([A-Za-z][\w-]*)((?:\s+[\w-]+(?::[\w-]+)?="[^"<&]*(?:&(?:amp|lt|gt|quot);[^"<&]*)*")*)\s*(\/?)>|([^<]+)/y;
  while (token.lastIndex < xml.length) {
    const at = token.lastIndex;
    const match = token.exec(xml);
    if (!match) throw new Error(`not well-formed: ${xml.slice(at, at + 60)}`);
    const [, closes, name, attributes, empty, text] = match;
    if (text !== undefined) {
      if (/&(?!(?:amp|lt|gt|quot);)|]]>/.test(text)) throw new Error(`bad text: ${text}`);
      if (open.length === 0 && text.trim() !== '') throw new Error(`text outside: ${text}`);
    } else if (closes) {
      if (open.pop() !== name || attributes || empty) throw new Error(`</${name}> closes nothing`);
    } else if (name !== undefined) {
      const names = [...(attributes ?? '').matchAll(/([\w:-]+)="/g)].map(([, found]) => found);
      if (new Set(names).size < names.length) throw new Error(`twice in <${name}>: ${names}`);
      if (open.length === 0 && counts.size > 0) throw new Error('two roots');
      counts.set(name, (counts.get(name) ?? 0) + 1);
      if (!empty) open.push(name);
    }
  }
  if (open.length > 0) throw new Error(`left open: ${open.join(', ')}`);
  return counts;
}
