import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import { warnings } from '../issuer/keys/rehearsal/warnings.ts';
import { VERIFIER_KINDS, type VerifierKind } from '../issuer/keys/verifiers.ts';
import { PlanFault } from './rehearsal-document.ts';
import { whyUnreadable } from './unreadable.ts';

type Site = Pick<Config, 'dataDir' | 'times'>;

/** Where an operator declares verifiers of his own. */
export const declarationOf = (dataDir: string): string => join(dataDir, 'verifiers.yaml');

/**
 * The verifiers that keys turn for: those of `verifiers.yaml` where there is one, else the built-in
 * ones.
 * @throws PlanFault naming the file, and in it line and field of everything that is wrong
 */
export async function knownVerifiers(dataDir: string): Promise<readonly VerifierKind[]> {
  const path = declarationOf(dataDir);
  const text = await readDeclaration(path);
  if (text === undefined) return VERIFIER_KINDS;
  // Most starts need neither YAML nor what a plan looks like.
  const { readVerifiers } = await import('./rehearsal-plan.ts');
  try {
    return await readVerifiers(text);
  } catch (error) {
    throw new PlanFault(`${path}: ${(error as Error).message}`);
  }
}

/** Undefined where there is none. */
async function readDeclaration(path: string): Promise<string | undefined> {
  const fault = (reason: string) => new PlanFault(`${path} cannot be read: ${reason}`);
  try {
    const found = await stat(path);
    // A start would wait for ever for somebody to write into a pipe.
    if (!found.isFile() && !found.isDirectory()) throw fault('that is no regular file');
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error instanceof PlanFault ? error : fault(whyUnreadable(error));
  }
}

/**
 * What verifiers could not bear of the times, one sentence each. A declaration that is wrong is one
 * more, and stops no start: it is advice about others.
 */
export async function verifierWarnings({ dataDir, times }: Site): Promise<string[]> {
  try {
    return warnings(times, await knownVerifiers(dataDir));
  } catch (error) {
    if (!(error instanceof PlanFault)) throw error;
    // A command lists what is wrong on lines of their own, and a log has one.
    const faults = error.message.replaceAll(/\n\s*/g, '; ');
    const ignored = `Verifiers are not judged as declared: ${faults}`;
    return [ignored, ...warnings(times, VERIFIER_KINDS)];
  }
}
