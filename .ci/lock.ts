// npm run lock: brings package-lock.json up to date with package.json, then makes it fit for every
// Node.js and npm that package.json promises (see lockfile.ts).
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { type Lockfile, withoutEngines } from './lockfile.ts';

execFileSync('npm', ['install', '--package-lock-only'], { stdio: 'inherit' });
const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as Lockfile;
writeFileSync('package-lock.json', `${JSON.stringify(withoutEngines(lock), null, 2)}\n`);
