import { readFile } from 'node:fs/promises';
import { BAD_CONFIGURATION, DONE, FAILED, USAGE_ERROR } from '../control/failure.ts';
import type { KeyPolicy } from '../issuer/keys/life-cycle.ts';
import { drawRehearsal } from '../issuer/keys/rehearsal/picture.ts';
import { defaultPlan, type RehearsalPlan } from '../issuer/keys/rehearsal/plan.ts';
import { rehearse } from '../issuer/keys/rehearsal/rehearse.ts';
import { configure } from './configure.ts';
import { knownVerifiers } from './declared-verifiers.ts';
import { type Command, readOptions } from './invocation.ts';
import { refuse } from './refuse.ts';
import { PlanFault } from './rehearsal-document.ts';
import { rehearsalJson } from './rehearsal-json.ts';
import { readPlan } from './rehearsal-plan.ts';
import { describeRehearsal } from './rehearsal-text.ts';
import { whyUnreadable } from './unreadable.ts';
import { writeWhole } from './write-file.ts';

/** `keyturn keys rehearse`: needs the configuration alone, no database and no server. */
export const rehearseKeysCommand: Command = {
  usage: '[--plan FILE] [--svg FILE] [--json]',
  summary: 'Rehearses rotations in virtual time: which verifier would reject which token.',
  words: {
    '--plan': 'what to rehearse, as YAML or JSON; without it, planned rotations',
    '--svg': 'draws the timeline into this file as well',
  },
  page: 'docs/rehearsal.md',
  async run(invocation) {
    const options = readOptions(invocation, 'keys rehearse', {
      plan: { type: 'string' },
      svg: { type: 'string' },
      json: { type: 'boolean', default: false },
    });
    if (!options) return USAGE_ERROR;
    const configured = configure(invocation, 'all', options.json);
    if (!configured) return BAD_CONFIGURATION;
    const policy: KeyPolicy = configured.config.times;
    const fail = (code: string, detail: string, status: number) =>
      refuse(invocation, 'keys rehearse', { code, detail, status }, options.json);

    let plan: RehearsalPlan;
    try {
      plan =
        options.plan === undefined
          ? { ...defaultPlan(policy), verifiers: await knownVerifiers(configured.config.dataDir) }
          : await load(options.plan, policy);
    } catch (error) {
      if (error instanceof PlanFault) return fail('bad_plan', error.message, USAGE_ERROR);
      throw error;
    }
    const rehearsal = rehearse(policy, plan);
    if (options.svg !== undefined) {
      try {
        await writeWhole(options.svg, drawRehearsal(rehearsal));
      } catch (error) {
        return fail('not_written', (error as Error).message, FAILED);
      }
    }
    invocation.out.write(
      options.json ? `${JSON.stringify(rehearsalJson(rehearsal))}\n` : describeRehearsal(rehearsal),
    );
    return rehearsal.honest ? DONE : FAILED;
  },
};

async function load(path: string, policy: KeyPolicy): Promise<RehearsalPlan> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new PlanFault(`${path} cannot be read: ${whyUnreadable(error)}`);
  }
  try {
    return await readPlan(text, policy);
  } catch (error) {
    if (error instanceof PlanFault) throw new PlanFault(`${path}: ${error.message}`);
    throw error;
  }
}
