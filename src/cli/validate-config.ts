import type { Fault } from '../config/source.ts';
import type { VariableName } from '../config/variables.ts';
import type { ConfigResult } from '../config.ts';
import { BAD_CONFIGURATION, DONE, FAILED, USAGE_ERROR } from '../control/failure.ts';
import { systemClock } from '../kit/clock.ts';
import { seconds, times } from '../kit/duration.ts';
import { type Check, fail, ok, warn } from '../resource-server/inspection/check.ts';
import { inspectIssuer } from '../resource-server/inspection/inspect.ts';
import { isIssuer } from '../resource-server/remote-jwks.ts';
import { keyFaultOf, readConfiguration } from './configure.ts';
import { verifierWarnings } from './declared-verifiers.ts';
import { type Command, readOptions } from './invocation.ts';
import { printable } from './printable.ts';
import { complain } from './refuse.ts';

/** What an issuer is held to where the own configuration cannot be read. */
const USUAL_TIMES = { clockSkew: seconds(60), verifierCacheTtl: times(24 * 3600, seconds(1)) };

/** Variables that a warning may name and docs/deployment.md says more of. */
export const EXPLAINED: readonly VariableName[] = [
  ...(['DATABASE_URL', 'ISSUER_URL', 'SMTP_URL', 'TRUST_PROXY'] as const),
  ...(['ADMIN_HOST', 'ALLOWED_ORIGINS', 'LOG_FORMAT'] as const),
];

/** `keyturn validate-config`: changes nothing, and asks the issuer for what anybody may see. */
export const validateConfigCommand: Command = {
  usage: '[--issuer URL] [--json]',
  summary: 'Checks the configuration and, given one, any issuer that services are to trust.',
  words: { '--issuer': 'whose metadata, keys and clock are to be looked at as well' },
  page: 'docs/configuration.md',
  async run(invocation) {
    const options = readOptions(invocation, 'validate-config', {
      issuer: { type: 'string' },
      json: { type: 'boolean', default: false },
    });
    if (!options) return USAGE_ERROR;
    const { issuer, json } = options;
    if (issuer !== undefined && !isIssuer(issuer)) {
      return complain(
        invocation,
        'validate-config',
        '--issuer takes a URL such as https://id.example.com, without credentials, query or fragment.',
      );
    }
    const configured = readConfiguration(invocation, 'all');
    const keyFault = await keyFaultOf(configured, 'all');
    const policy = 'config' in configured ? configured.config.times : USUAL_TIMES;
    const checks = await describeConfiguration(configured, keyFault);
    if (issuer !== undefined) {
      checks.push(...(await inspectIssuer({ clock: systemClock(), policy }, issuer)));
    }
    const failed = checks.some(({ status }) => status === 'fail');
    invocation.out.write(
      json ? `${JSON.stringify({ ok: !failed, checks })}\n` : render(checks) + pointer(configured),
    );
    if ('faults' in configured || keyFault) return BAD_CONFIGURATION;
    return failed ? FAILED : DONE;
  },
};

async function describeConfiguration(
  result: ConfigResult,
  keyFault: Fault | undefined,
): Promise<Check[]> {
  const faults = [...('faults' in result ? result.faults : []), ...(keyFault ? [keyFault] : [])];
  const failed = faults.map(({ name, problem, example }) =>
    fail('configuration', `${name}: ${problem}`, `for example: ${name}=${example}`),
  );
  if ('faults' in result) return failed;
  const warnings = [...result.warnings, ...(await verifierWarnings(result.config))];
  // A declaration may be wrong on several lines, and a check has one.
  const warned = warnings.map((text) => warn('configuration', text.replaceAll(/\n\s*/g, ' ')));
  const checks = [...failed, ...warned];
  return checks.length > 0 ? checks : [ok('configuration', 'Nothing to complain about.')];
}

/** Where to read on about what is unwise; nothing when no page says more than the warnings do. */
function pointer(result: ConfigResult): string {
  const warnings = 'faults' in result ? [] : result.warnings;
  const names = EXPLAINED.filter((name) => warnings.some((line) => line.startsWith(`${name}: `)));
  return names.length === 0 ? '' : `docs/deployment.md explains ${names.join(', ')}.\n`;
}

function render(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ check }) => check.length));
  const lines = checks.map(({ check, status, detail, mend }) => {
    const line = `${status.padEnd(4)}  ${check.padEnd(width)}  ${printable(detail)}\n`;
    return mend === undefined ? line : `${line}${' '.repeat(width + 8)}${mend}\n`;
  });
  const count = (wanted: Check['status']) => checks.filter((one) => one.status === wanted).length;
  const sum = `${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} to mend`;
  return `${lines.join('')}\n${sum}.\n`;
}
