import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rename, stat } from 'node:fs/promises';
import { basename, dirname, join, posix } from 'node:path';
import { promisify } from 'node:util';
import { type Instruction, readDockerfile, type Stage } from './dockerfile.ts';

const run = promisify(execFile);

/** What a Dockerfile makes, as a directory: no container, no isolation, this machine's programs. */
export interface Image {
  /** What would be `/`. */
  readonly root: string;
  /** As the image says, not under `root`. */
  readonly workdir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stage: Stage;
}

/** Instructions that say how to run an image and change nothing in it. */
const SAID_ONLY = ['USER', 'EXPOSE', 'VOLUME', 'HEALTHCHECK', 'ENTRYPOINT', 'CMD'];

/**
 * Does every step of a Dockerfile under the empty directory `target`, with the files of `context`
 * that `.dockerignore` lets through. `RUN` is `sh -c` in the stage's directory, so that it must not
 * name an absolute path; npm takes packages from its cache where it can.
 */
export async function buildImage(context: string, target: string): Promise<Image> {
  const allowed = await readDockerignore(join(context, '.dockerignore'));
  const stages = readDockerfile(await readFile(join(context, 'Dockerfile'), 'utf8'));
  const built = new Map<string, Image>();
  // Each is the root while it is made: what one of them wrote may name paths.
  const root = join(target, 'root');
  for (const [index, stage] of stages.entries()) {
    let state = await begin(stage);
    for (const instruction of stage.instructions) state = await step(state, instruction);
    if (stage.name === undefined) return state;
    const kept = { ...state, root: join(target, String(index)) };
    await rename(root, kept.root);
    built.set(stage.name, kept);
  }
  throw new Error('the last stage has a name');

  async function begin(stage: Stage): Promise<Image> {
    const base = built.get(stage.base);
    await mkdir(root, { recursive: true });
    if (!base) return { root, workdir: '/', env: {}, stage };
    await copy(base.root, root, false);
    const instructions = [...base.stage.instructions, ...stage.instructions];
    return { ...base, root, stage: { ...stage, instructions } };
  }

  async function step(image: Image, instruction: Instruction): Promise<Image> {
    const { name, text, flags } = instruction;
    if (SAID_ONLY.includes(name)) return image;
    if (name === 'ENV') return { ...image, env: { ...image.env, ...readEnv(text) } };
    const workdir = posix.resolve(image.workdir, name === 'WORKDIR' ? text : '.');
    const here = join(image.root, workdir);
    await mkdir(here, { recursive: true });
    if (name === 'WORKDIR') return { ...image, workdir };
    if (name === 'RUN') {
      if (/(?:^|[\s=])\//.test(text)) throw new Error(`RUN names an absolute path: ${text}`);
      const env = { ...process.env, ...image.env, npm_config_prefer_offline: 'true' };
      await run('/bin/sh', ['-c', text], { cwd: here, env });
      return image;
    }
    if (name !== 'COPY') throw new Error(`${name} is not understood`);
    const from = flags.from === undefined ? undefined : built.get(flags.from);
    if (flags.from !== undefined && !from) throw new Error(`no stage ${flags.from}`);
    const words = text.split(/\s+/);
    const destination = words.pop() ?? '';
    const into = join(image.root, posix.resolve(workdir, destination));
    if (words.length > 1 && !destination.endsWith('/')) throw new Error(`no directory: ${text}`);
    for (const word of words) {
      if (!from && !allowed(word)) throw new Error(`.dockerignore hides ${word}`);
      await copy(join(from?.root ?? context, word), into, destination.endsWith('/'));
    }
    return image;
  }
}

/** As COPY does: of a directory what is in it, a file to a path or into a directory. */
async function copy(source: string, target: string, toDirectory: boolean): Promise<void> {
  const directory = (await stat(source)).isDirectory();
  const path = directory || !toDirectory ? target : join(target, basename(source));
  await mkdir(dirname(path), { recursive: true });
  await cp(source, path, { recursive: true, verbatimSymlinks: true });
}

/** `NAME=value` pairs without quotes; of variables `$PATH` alone, which is this process's. */
function readEnv(text: string): Record<string, string> {
  const pairs = text.split(/\s+/).map((pair) => {
    const [, name = '', value = ''] = /^([A-Z_]+)=([^"'\\]*)$/.exec(pair) ?? [];
    if (name === '') throw new Error(`not understood: ENV ${text}`);
    return [name, value.replace('$PATH', process.env.PATH ?? '')] as const;
  });
  return Object.fromEntries(pairs);
}

/** What of the context gets through; knows `*` first, then `!name` at the top, nothing else. */
async function readDockerignore(path: string): Promise<(path: string) => boolean> {
  const lines = (await readFile(path, 'utf8')).split('\n');
  const [all, ...patterns] = lines.filter((line) => line !== '' && !line.startsWith('#'));
  const names = patterns.map((pattern) => /^!([\w.-]+)$/.exec(pattern)?.[1]);
  if (all !== '*' || names.includes(undefined)) throw new Error(`${path} is not understood`);
  return (path) => names.includes(path.split('/')[0]);
}

/** Every file under a directory with its time of change, to see whether something was written. */
export async function snapshot(directory: string): Promise<ReadonlyMap<string, number>> {
  const files = await readdir(directory, { recursive: true });
  const times = files.map(async (file) => {
    const path = join(directory, file);
    return [file, existsSync(path) ? (await stat(path)).mtimeMs : 0] as const;
  });
  return new Map(await Promise.all(times));
}
