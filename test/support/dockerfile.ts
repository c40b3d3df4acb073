/** One instruction of a Dockerfile. */
export interface Instruction {
  /** In capitals. */
  readonly name: string;
  /** What begins with `--`, without it: `from` -> `packages`. */
  readonly flags: Readonly<Record<string, string>>;
  /** The words of the exec form, `["a", "b"]`; undefined in the shell form. */
  readonly exec: readonly string[] | undefined;
  /** All after the flags, as it stands. */
  readonly text: string;
}

/** What is between a `FROM` and the next. */
export interface Stage {
  readonly base: string;
  readonly name: string | undefined;
  readonly instructions: readonly Instruction[];
}

const FLAG = /^--([a-z-]+)=(\S+)\s+/;

/** Reads a Dockerfile: comments, continued lines, flags and the exec form; no heredocs, no ARG. */
export function readDockerfile(text: string): readonly Stage[] {
  const stages: { base: string; name: string | undefined; instructions: Instruction[] }[] = [];
  for (const line of logicalLines(text)) {
    const instruction = readInstruction(line);
    const from = /^(\S+)(?: AS (\S+))?$/.exec(instruction.text);
    if (instruction.name === 'FROM') {
      if (!from?.[1]) throw new Error(`not understood: ${line}`);
      stages.push({ base: from[1], name: from[2], instructions: [] });
    } else {
      const stage = stages.at(-1);
      if (!stage) throw new Error(`before any FROM: ${line}`);
      stage.instructions.push(instruction);
    }
  }
  return stages;
}

/** What `HEALTHCHECK` or the like runs: the exec form of its `CMD`. */
export function execForm(stage: Stage, name: string): readonly string[] {
  const { exec, text = '' } = stage.instructions.findLast((one) => one.name === name) ?? {};
  const words = exec ?? readInstruction(text).exec;
  if (!words) throw new Error(`${name} is not in exec form: ${text}`);
  return words;
}

function logicalLines(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => !/^\s*#/.test(line))
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

function readInstruction(line: string): Instruction {
  const [, name = '', after = ''] = /^([A-Za-z]+)\s+(.*)$/.exec(line) ?? [];
  if (name === '') throw new Error(`not understood: ${line}`);
  const flags: Record<string, string> = {};
  let text = after;
  for (let flag = FLAG.exec(text); flag; flag = FLAG.exec(text)) {
    const [whole, key = '', value = ''] = flag;
    flags[key] = value;
    text = text.slice(whole.length);
  }
  const exec = text.startsWith('[') ? (JSON.parse(text) as string[]) : undefined;
  return { name: name.toUpperCase(), flags, exec, text };
}
