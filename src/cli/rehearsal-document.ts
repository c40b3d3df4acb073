/** A plan's text, read; and where in it things are. */
export interface PlanDocument {
  readonly value: unknown;
  /** The line of a field, or of the nearest thing around it that is there, from 1. */
  readonly lineOf: (path: readonly PropertyKey[]) => number | undefined;
}

/** A plan that cannot be used; the message names the file, the place and what would do. */
export class PlanFault extends Error {
  override readonly name = 'PlanFault';
}

/** Reads a plan's YAML 1.2, of which JSON is a part. @throws PlanFault for a text that is neither */
export async function readPlanDocument(text: string): Promise<PlanDocument> {
  // Only a rehearsal with a plan needs it; no other command waits until it is loaded.
  const { isMap, isNode, isScalar, LineCounter, parseDocument } = await import('yaml');
  const lineCounter = new LineCounter();
  const document = parseDocument(text, {
    lineCounter,
    prettyErrors: false,
    // What it would have Node.js warn of is no field that a plan has.
    logLevel: 'error',
  });
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0) {
    const lines = faults.map(
      ({ pos, message }) => `line ${lineCounter.linePos(pos[0]).line}: ${message}`,
    );
    throw new PlanFault(lines.join('\n  '));
  }
  const nodeAt = (path: readonly PropertyKey[]): unknown =>
    path.length === 0 ? document.contents : document.getIn(path, true);
  // A field is where its name is: its value may begin on the next line.
  const placeOf = (path: readonly PropertyKey[]): unknown => {
    const around = nodeAt(path.slice(0, -1));
    const isIt = ({ key }: { key: unknown }) =>
      isScalar(key) && String(key.value ?? '') === String(path.at(-1));
    return (isMap(around) && around.items.find(isIt)?.key) || nodeAt(path);
  };
  const lineOf = (path: readonly PropertyKey[]): number | undefined => {
    for (let length = path.length; length >= 0; length -= 1) {
      const node = placeOf(path.slice(0, length));
      if (isNode(node) && node.range) return lineCounter.linePos(node.range[0]).line;
    }
    return undefined;
  };
  try {
    return { value: document.toJS(), lineOf };
  } catch (error) {
    // Aliases that would unfold without end.
    throw new PlanFault((error as Error).message);
  }
}
