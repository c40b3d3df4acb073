import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');

/** A browser on this machine and what it is started with. */
export interface Chromium {
  readonly executablePath: string;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Finds Chromium: the one `CHROMIUM_PATH` names, the system's, or the one that comes by npm, which
 * is unpacked once beside the packages. Pages are set in the fonts of that one wherever they can,
 * so that a picture looks alike on every machine.
 * @throws Error when there is none that runs here, with what to do
 */
export async function findChromium(): Promise<Chromium> {
  const own = process.env.CHROMIUM_PATH;
  const installed = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) =>
    existsSync(path),
  );
  const packed = process.platform === 'linux' && process.arch === 'x64';
  const unpacked = packed ? await unpack() : undefined;
  const executablePath = own ?? installed ?? (unpacked && join(unpacked, 'chromium'));
  if (executablePath === undefined) {
    throw new Error('no Chromium for this machine: install one and name it in CHROMIUM_PATH');
  }
  const env = { ...(unpacked && { FONTCONFIG_FILE: join(unpacked, 'fonts.conf') }) };
  if (own || installed || unpacked === undefined || (await starts(executablePath, env))) {
    return { executablePath, env };
  }
  // A bare machine lacks some libraries, which come with the browser as well.
  const complete = { ...env, LD_LIBRARY_PATH: join(unpacked, 'al2023/lib') };
  if (await starts(executablePath, complete)) return { executablePath, env: complete };
  throw new Error(`${executablePath} does not start: install Chromium, name it in CHROMIUM_PATH`);
}

async function starts(path: string, env: Readonly<Record<string, string>>): Promise<boolean> {
  return run(path, ['--version'], { env: { ...process.env, ...env } }).then(
    () => true,
    () => false,
  );
}

/** Unpacks the browser of @sparticuz/chromium, some 200 MB, unless another process has. */
async function unpack(): Promise<string> {
  const manifest = join(root, 'node_modules/@sparticuz/chromium/package.json');
  const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string };
  const cache = join(root, 'node_modules/.cache');
  const target = join(cache, `keyturn-chromium-${version}`);
  if (existsSync(target)) return target;
  await mkdir(cache, { recursive: true });
  const partial = await mkdtemp(`${target}-`);
  // It unpacks into the temporary directory, and the libraries only where it sees AWS.
  const env = { ...process.env, TMPDIR: partial, AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x' };
  const script = "(await import('@sparticuz/chromium')).default.executablePath()";
  await run(process.execPath, ['--input-type=module', '-e', `await ${script}`], { cwd: root, env });
  await writeFile(join(partial, 'fonts.conf'), fontsConf(join(target, 'fonts/fonts')));
  // Another process may have been quicker; then its copy serves.
  await rename(partial, target).catch(() => rm(partial, { recursive: true, force: true }));
  return target;
}

/** One family for every generic name, and nothing of what this machine happens to have. */
const fontsConf = (directory: string): string => `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>${directory}</dir>
  <dir>/usr/share/fonts/truetype</dir>
  <cachedir>${directory}-cache</cachedir>
  <match target="pattern">
    <test name="family" qual="any"><string>system-ui</string></test>
    <edit name="family" mode="assign" binding="strong"><string>Open Sans</string></edit>
  </match>
  <match target="pattern">
    <test name="family" qual="any"><string>sans-serif</string></test>
    <edit name="family" mode="assign" binding="strong"><string>Open Sans</string></edit>
  </match>
</fontconfig>
`;
