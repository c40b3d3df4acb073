import type { Gate } from '../kit/gate.ts';
import { noTrace, type Trace } from '../kit/trace.ts';
import type { Keyring } from './keys/keyring.ts';

/** A gate whose waiting and whose work are steps of a trace. */
export function tracedGate(gate: Gate, trace: Trace): Omit<Gate, 'stats'> {
  if (trace === noTrace) return gate;
  const traced = <T>(start: (onStart: () => void) => Promise<T>): Promise<T> => {
    const begun = Promise.withResolvers<void>();
    const run = start(begun.resolve);
    run.catch(begun.reject);
    trace
      .step('password hash: wait', {}, () => begun.promise)
      .then(() => trace.step('password hash', {}, () => run))
      // Whoever waits for `run` hears of it.
      .catch(() => {});
    return run;
  };
  return {
    requireRoom: gate.requireRoom,
    run: (work, call) => traced((onStart) => gate.run(work, { ...call, onStart })),
    share: (together, task, call) =>
      traced((onStart) => gate.share(together, task, { ...call, onStart })),
  };
}

/** A keyring whose signatures are steps of a trace. */
export const tracedKeyring = (keyring: Keyring, trace: Trace): Keyring => ({
  ...keyring,
  sign: (payload) => trace.step('sign', {}, () => keyring.sign(payload)),
});
