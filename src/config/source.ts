import { type Duration, formatDuration, parseDuration, seconds } from '../kit/duration.ts';
import { type DefaultedName, VARIABLES, type VariableName, variable } from './variables.ts';

/** The environment as the process got it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Which parts of Keyturn this process runs. */
export type Role = 'all' | 'issuer' | 'resource-server';

/** One unusable variable. Never holds the value of a variable that carries a secret. */
export interface Fault {
  readonly name: VariableName;
  /** What is wrong, to be read after the name. */
  readonly problem: string;
  /** A value that would do. */
  readonly example: string;
}

/** The environment while it is read: hands out values, gathers faults and warnings. */
export interface Source {
  readonly faults: readonly Fault[];
  readonly warnings: readonly string[];
  /** The text as set; undefined when unset, empty or not read in this role. */
  given(name: VariableName): string | undefined;
  choice<const T extends string>(name: DefaultedName, choices: readonly T[]): T;
  /** A whole number from `min` to `max`; `besides` names what else the caller takes. */
  integer(name: DefaultedName, min: number, max: number, besides?: string): number;
  /** A length of time up to `max`; zero only where `zero` says so. */
  duration(name: DefaultedName, max: Duration, zero?: boolean): Duration;
  /** What `read` makes of the text as set; a thrown `Refusal` is a fault. */
  parsed<T>(name: VariableName, read: (text: string) => T): T | undefined;
  fault(name: VariableName, problem: string, example?: string): void;
  warn(name: VariableName, advice: string): void;
  /** Warns of a variable that is none of ours, and seems to be meant as one. */
  unknown(name: string, meant: VariableName): void;
  /** Whether one of the names has a fault already: then do not judge it against another. */
  faulty(...names: VariableName[]): boolean;
}

/** Thrown by a reader of one value; says what is wrong and, where it knows, what would be right. */
export class Refusal extends Error {
  readonly suggestion: string | undefined;

  constructor(problem: string, suggestion?: string) {
    super(problem);
    this.suggestion = suggestion;
  }
}

/** A value for a message: in quotes, control characters escaped, not too long. */
export const quote = (text: string): string =>
  JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);

/** The whole number that a text writes in decimal, without sign or leading zeros. */
function wholeNumber(text: string): number | undefined {
  return /^(0|[1-9]\d{0,9})$/.test(text) ? Number(text) : undefined;
}

/** Reads from `env`; empty counts as unset. */
export function createSource(env: Environment, role: Role): Source {
  const faults: Fault[] = [];
  const warnings: string[] = [];

  function given(name: VariableName): string | undefined {
    if (role === 'resource-server' && variable(name).issuerOnly) return undefined;
    return env[name] || undefined;
  }

  function fault(name: VariableName, problem: string, example?: string): void {
    faults.push({ name, problem, example: example ?? VARIABLES[name].example });
  }

  /** `read` on the text as set or else the default; on a refusal the default, and a fault. */
  function defaulted<T>(name: DefaultedName, read: (text: string) => T): T {
    return parsed(name, read) ?? read(VARIABLES[name].default);
  }

  function parsed<T>(name: VariableName, read: (text: string) => T): T | undefined {
    const text = given(name);
    if (text === undefined) return undefined;
    try {
      return read(text);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      fault(name, error.message, error.suggestion);
      return undefined;
    }
  }

  return {
    faults,
    warnings,
    given,
    parsed,
    fault,
    warn: (name, advice) => warnings.push(`${name}: ${advice}`),
    unknown: (name, meant) => warnings.push(`${name}: unknown; did you mean ${meant}?`),
    faulty: (...names) => faults.some((one) => names.includes(one.name)),
    choice: (name, choices) =>
      defaulted(name, (text) => {
        const choice = choices.find((one) => one === text);
        if (choice === undefined) {
          throw new Refusal(`${quote(text)} is none of ${choices.join(', ')}`);
        }
        return choice;
      }),
    integer: (name, min, max, besides) =>
      defaulted(name, (text) => {
        const number = wholeNumber(text);
        if (number === undefined || number < min || number > max) {
          const also = besides ? ` ${besides}` : '';
          throw new Refusal(`${quote(text)} is not a whole number from ${min} to ${max}${also}`);
        }
        return number;
      }),
    duration: (name, max, zero = false) =>
      defaulted(name, (text) => {
        const duration = parseDuration(text);
        if (duration === undefined) {
          throw new Refusal(`${quote(text)} is not a whole number followed by s, m, h or d`);
        }
        if (duration === seconds(0) && !zero) throw new Refusal('must be more than zero');
        if (duration > max) throw new Refusal(`${text} is more than ${formatDuration(max)}`);
        return duration;
      }),
  };
}
