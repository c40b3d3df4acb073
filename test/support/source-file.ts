import { type ESTree, parseSync } from 'vite';

/** What the walls need to know of one source file. */
export interface SourceFile {
  readonly path: string;
  readonly lines: number;
  readonly imports: readonly Import[];
  /** Names of the global scope as used: `fetch`, `process.env`, `new Date()`; locals look alike.
   * A bare `process` is one that is handed on, from where anything may become of it. */
  readonly globals: readonly Found[];
  /** Properties that are called: `selectFrom` of `db.selectFrom(…)`. */
  readonly calls: readonly Found[];
  /** String and template texts that are not types. */
  readonly texts: readonly Found[];
  /** Exported names; `default` and `*` (`export * from`) among them. */
  readonly exports: readonly (Found & { readonly from: boolean })[];
  /** What the parser did not understand. */
  readonly errors: readonly string[];
}

/** An import, a re-export, `import('…')`, or a type's `import('…')`. */
export interface Import {
  /** As written; undefined when it is computed at run time. */
  readonly specifier: string | undefined;
  readonly typeOnly: boolean;
  /** Whether it is loaded only when the code comes to it. */
  readonly lazy: boolean;
  /** Imported names; empty for all of them, or none. */
  readonly names: readonly string[];
  readonly line: number;
}

/** A name or a text, and where it stands. */
export interface Found {
  readonly text: string;
  readonly line: number;
}

type Node = ESTree.Node;

/** Parses TypeScript, types included, into the facts that walls are about. */
export function readSource(path: string, code: string): SourceFile {
  const { program, module, errors } = parseSync(path, code, { lang: 'ts' });
  const breaks = [...code.matchAll(/\n/g)].map((match) => match.index);
  const lineAt = (offset: number) => breaks.filter((at) => at < offset).length + 1;
  const imports: Import[] = [];
  const globals: Found[] = [];
  const calls: Found[] = [];
  const texts: Found[] = [];
  const exports: (Found & { from: boolean })[] = [];

  for (const { moduleRequest, entries, start } of module.staticImports) {
    imports.push({
      specifier: moduleRequest.value,
      typeOnly: entries.length > 0 && entries.every((entry) => entry.isType),
      lazy: false,
      names: entries.map((entry) => entry.importName.name ?? '*'),
      line: lineAt(start),
    });
  }
  for (const { entries, start } of module.staticExports) {
    for (const { moduleRequest, exportName, isType } of entries) {
      const line = lineAt(start);
      const text = exportName.kind === 'Default' ? 'default' : (exportName.name ?? '*');
      exports.push({ text, line, from: moduleRequest !== null });
      if (moduleRequest === null) continue;
      const specifier = moduleRequest.value;
      imports.push({ specifier, typeOnly: isType, lazy: false, names: [], line });
    }
  }

  walk(program, (node, parent, inType) => {
    const line = () => lineAt(node.start);
    if (node.type === 'ImportExpression' || node.type === 'TSImportType') {
      const { source } = node;
      const specifier = source.type === 'Literal' ? String(source.value) : undefined;
      imports.push({ specifier, typeOnly: inType, lazy: true, names: [], line: line() });
    }
    if (inType) return;
    if (node.type === 'Literal' && typeof node.value === 'string') {
      texts.push({ text: node.value, line: line() });
    }
    if (node.type === 'TemplateLiteral') {
      const text = node.quasis.map((quasi) => quasi.value.raw).join('?');
      texts.push({ text, line: line() });
    }
    if (node.type === 'CallExpression' && node.callee.type === 'MemberExpression') {
      const { property } = node.callee;
      if (property.type === 'Identifier') calls.push({ text: property.name, line: line() });
    }
    const name = globalName(node, parent);
    if (name !== undefined) globals.push({ text: name, line: line() });
  });

  const lines = code.replace(/\n$/, '').split('\n').length;
  const messages = errors.map((error) => error.message);
  return { path, lines, imports, globals, calls, texts, exports, errors: messages };
}

/** The name under which an identifier in this place would reach the global scope. */
function globalName(node: Node, parent: Node): string | undefined {
  if (node.type !== 'Identifier') return undefined;
  if (parent.type === 'MemberExpression') {
    const { object, property, computed } = parent;
    if (object !== node) return computed ? node.name : undefined;
    if (property.type === 'Identifier' && !computed) return `${node.name}.${property.name}`;
    const isText = property.type === 'Literal' && typeof property.value === 'string';
    return isText ? `${node.name}.${property.value}` : node.name;
  }
  if (parent.type === 'BinaryExpression' && parent.operator === 'instanceof') return undefined;
  const isKey = 'key' in parent && parent.key === node;
  if (isKey && !('computed' in parent && parent.computed)) return undefined;
  if (parent.type === 'NewExpression' && parent.callee === node) {
    return parent.arguments.length === 0 ? `new ${node.name}()` : `new ${node.name}(…)`;
  }
  if (parent.type === 'CallExpression' && parent.callee === node) return `${node.name}()`;
  return node.name;
}

/** Types hold no values; these wrap one. */
const VALUES_IN_TYPES = /^TS(As|Satisfies|NonNull|Instantiation|TypeAssertion)/;

function walk(root: Node, visit: (node: Node, parent: Node, inType: boolean) => void): void {
  const step = (node: Node, parent: Node, outerType: boolean) => {
    const inType = outerType || (node.type.startsWith('TS') && !VALUES_IN_TYPES.test(node.type));
    visit(node, parent, inType);
    for (const child of Object.values(node).flat() as unknown[]) {
      if (isNode(child)) step(child, node, inType);
    }
  };
  step(root, root, false);
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value;
}
