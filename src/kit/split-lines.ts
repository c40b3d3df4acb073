const NEWLINE = 0x0a;

/**
 * Splits bytes into lines as they come, so that no more than one is held; the last may lack its
 * newline. Of a line that is longer than `longest` bytes `undefined` is handed on instead.
 */
export async function* splitLines(
  source: AsyncIterable<Uint8Array>,
  longest = Number.POSITIVE_INFINITY,
): AsyncGenerator<Buffer | undefined> {
  let held: Uint8Array[] = [];
  let size = 0;
  const take = () => {
    const line = size > longest ? undefined : Buffer.concat(held);
    held = [];
    size = 0;
    return line;
  };
  const hold = (part: Uint8Array) => {
    size += part.length;
    if (size > longest) held = [];
    else held.push(part);
  };
  for await (const chunk of source) {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      if (end < 0) break;
      hold(chunk.subarray(start, end));
      yield take();
      start = end + 1;
    }
    if (start < chunk.length) hold(chunk.subarray(start));
  }
  if (size > 0) yield take();
}
