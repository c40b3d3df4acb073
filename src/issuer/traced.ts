import type { Gate } from '../kit/gate.ts';
import type { Trace } from '../kit/trace.ts';
import type { Keyring } from './keys/keyring.ts';

/** A gate whose waiting and whose work are steps of a trace. */
export const tracedGate = (gate: Gate, trace: Trace): Pick<Gate, 'run' | 'requireRoom'> => ({
  requireRoom: gate.requireRoom,
  run(work, signal) {
    let begun = () => {};
    let failed = (_error: unknown) => {};
    const waiting = new Promise<void>((resolve, reject) => {
      begun = resolve;
      failed = reject;
    });
    trace.step('password hash: wait', {}, () => waiting).catch(() => {});
    const run = gate.run(() => {
      begun();
      return trace.step('password hash', {}, work);
    }, signal);
    run.catch(failed);
    return run;
  },
});

/** A keyring whose signatures are steps of a trace. */
export const tracedKeyring = (keyring: Keyring, trace: Trace): Keyring => ({
  ...keyring,
  sign: (payload) => trace.step('sign', {}, () => keyring.sign(payload)),
});
