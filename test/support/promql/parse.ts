/** The part of PromQL that our rules and dashboard are written in. */
export type Expression =
  | { readonly type: 'number'; readonly value: number }
  | {
      readonly type: 'selector';
      readonly name: string;
      readonly matchers: readonly Matcher[];
      /** Seconds; undefined for an instant. */
      readonly range: number | undefined;
    }
  | { readonly type: 'call'; readonly name: string; readonly args: readonly Expression[] }
  | {
      readonly type: 'aggregation';
      readonly name: string;
      readonly by: readonly string[];
      readonly arg: Expression;
    }
  | {
      readonly type: 'binary';
      readonly operator: string;
      readonly left: Expression;
      readonly right: Expression;
    };

/** One condition on a label. */
export interface Matcher {
  readonly label: string;
  readonly operator: '=' | '!=' | '=~' | '!~';
  readonly value: string;
}

const TOKEN =
  /\s*(?:(\d+(?:\.\d+)?)(?![\w.])|([a-zA-Z_:][\w:]*)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(\[\d+[smhd]\])|(=~|!~|!=|==|>=|<=|[-+*/<>={},()]))/y;
const AGGREGATIONS = ['sum', 'min', 'max', 'avg', 'count'];
const PRECEDENCE: readonly (readonly string[])[] = [
  ['or'],
  ['and', 'unless'],
  ['==', '!=', '>', '<', '>=', '<='],
  ['+', '-'],
  ['*', '/'],
];
const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** Seconds of `5m` and the like. Throws on anything else. */
export function secondsOf(text: string): number {
  const [, count, unit] = /^(\d+)([smhd])$/.exec(text) ?? [];
  if (!count || !unit) throw new Error(`no length of time: ${text}`);
  return Number(count) * (UNITS[unit] ?? Number.NaN);
}

/** Parses an expression. Throws on what is not in the part that is understood here. */
export function parsePromql(text: string): Expression {
  const tokens = tokenise(text);
  let at = 0;
  const peek = () => tokens[at];
  const take = (): string => {
    const token = tokens[at++];
    if (token === undefined) throw new Error(`ends too early: ${text}`);
    return token;
  };
  const expect = (wanted: string) => {
    const token = take();
    if (token !== wanted) throw new Error(`${wanted} expected, not ${token}: ${text}`);
  };
  const list = <T>(close: string, item: () => T): T[] => {
    const items: T[] = [];
    while (peek() !== close) {
      items.push(item());
      if (peek() === ',') take();
    }
    expect(close);
    return items;
  };

  function binary(level: number): Expression {
    const operators = PRECEDENCE[level];
    if (!operators) return primary();
    let left = binary(level + 1);
    while (operators.includes(peek() ?? '')) {
      const operator = take();
      left = { type: 'binary', operator, left, right: binary(level + 1) };
    }
    return left;
  }

  function primary(): Expression {
    const token = take();
    if (token === '(') {
      const inner = binary(0);
      expect(')');
      return inner;
    }
    if (/^\d/.test(token)) return { type: 'number', value: Number(token) };
    if (!/^[a-zA-Z_:]/.test(token)) throw new Error(`unexpected ${token}: ${text}`);
    if (AGGREGATIONS.includes(token)) return aggregation(token);
    if (peek() === '(') {
      take();
      return { type: 'call', name: token, args: list(')', () => binary(0)) };
    }
    const matchers: Matcher[] = [];
    if (peek() === '{') {
      take();
      matchers.push(...list('}', matcher));
    }
    const range = peek()?.startsWith('[') ? secondsOf(take().slice(1, -1)) : undefined;
    return { type: 'selector', name: token, matchers, range };
  }

  function aggregation(name: string): Expression {
    let by: string[] = [];
    if (peek() === 'by') {
      take();
      expect('(');
      by = list(')', take);
    }
    expect('(');
    const arg = binary(0);
    expect(')');
    return { type: 'aggregation', name, by, arg };
  }

  const matcher = (): Matcher => {
    const label = take();
    const operator = take();
    if (!['=', '!=', '=~', '!~'].includes(operator)) throw new Error(`no matcher: ${operator}`);
    return { label, operator: operator as Matcher['operator'], value: take().slice(1, -1) };
  };

  const whole = binary(0);
  if (at < tokens.length) throw new Error(`what is ${tokens[at]}? ${text}`);
  return whole;
}

function tokenise(text: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (text.slice(TOKEN.lastIndex).trim() !== '') {
    const from = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (!match) throw new Error(`not understood from here: ${text.slice(from)}`);
    tokens.push(match[0].trim());
  }
  return tokens;
}

/** Every selector in an expression. */
export function selectorsOf(expression: Expression): Extract<Expression, { type: 'selector' }>[] {
  switch (expression.type) {
    case 'number':
      return [];
    case 'selector':
      return [expression];
    case 'call':
      return expression.args.flatMap(selectorsOf);
    case 'aggregation':
      return selectorsOf(expression.arg);
    case 'binary':
      return [...selectorsOf(expression.left), ...selectorsOf(expression.right)];
  }
}
