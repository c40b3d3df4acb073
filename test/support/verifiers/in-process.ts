import { Writable } from 'node:stream';
import { expect, vi } from 'vitest';
import { run } from '../../../src/cli.ts';
import type { KeyReport } from '../../../src/issuer/keys/report.ts';
import { type Site, WAIT } from '../server-process.ts';

/** What a command wrote, and what it would exit with. */
export interface Said {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A refusal under `--json`. */
export interface Refused {
  readonly error: { readonly code: string; readonly detail: string; readonly retry_at?: string };
}

/** Runs a command here, without a process of its own: the same from its words to its exit status. */
export async function say(words: string, { env, cwd }: Site): Promise<Said> {
  const said = { stdout: '', stderr: '' };
  const into = (name: keyof typeof said) =>
    new Writable({
      write(chunk, _, done) {
        said[name] += chunk;
        done();
      },
    });
  const out = into('stdout');
  const err = into('stderr');
  // Where it would look for a `.env`.
  process.chdir(cwd);
  return { status: await run({ argv: words.split(' '), env, out, err }), ...said };
}

/** What a command about keys answers under `--json`. */
export async function commandIn(site: Site, words: string): Promise<KeyReport | Refused> {
  return JSON.parse((await say(`${words} --json`, site)).stdout);
}

/** Runs `keys rotate` until it is safe, and answers what it then says. */
export async function rotateWhenSafe(site: Site, words = 'keys rotate'): Promise<KeyReport> {
  for (;;) {
    const answer = await commandIn(site, words);
    if (!('error' in answer)) return answer;
    await untilSafe(answer);
  }
}

/** Waits for as long as a refusal asks. */
export async function untilSafe({ error }: Refused): Promise<void> {
  expect(error.code).toMatch(/^(next_too_young|too_many_published)$/);
  const safeAt = Date.parse(String(error.retry_at));
  await vi.waitUntil(() => Date.now() >= safeAt, WAIT);
}
