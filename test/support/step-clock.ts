/**
 * Loaded before a server by `--import`: each SIGUSR2 sets its machine's clock to the next of the
 * steps in `CLOCK_STEPS`, milliseconds away from the true one. The monotonic clock goes on, as it
 * does when a real clock is set. Says so on standard error.
 */
const steps = (process.env.CLOCK_STEPS ?? '').split(',').map(Number);
const TrueDate = Date;
let offset = 0;
process.on('SIGUSR2', () => {
  offset = steps.shift() ?? 0;
  process.stderr.write(`the clock is ${offset} ms away\n`);
});

globalThis.Date = class extends TrueDate {
  constructor(...values: unknown[]) {
    if (values.length === 0) super(TrueDate.now() + offset);
    else super(...(values as [number]));
  }

  static override now(): number {
    return TrueDate.now() + offset;
  }
} as DateConstructor;
