/**
 * Makes calls of `work` wait for the end of this turn of the event loop and run one right after the
 * other there. What computes for long drives all else out of the processor's caches: so it does that
 * once a turn, not each time between two other pieces of work.
 */
export function atEndOfTurn<Input, Output>(
  work: (input: Input) => Output,
): (input: Input) => Promise<Output> {
  let waiting: (() => void)[] = [];
  const runAll = () => {
    const due = waiting;
    waiting = [];
    for (const run of due) run();
  };
  return (input) =>
    new Promise((resolve, reject) => {
      const run = () => {
        try {
          resolve(work(input));
        } catch (error) {
          reject(error);
        }
      };
      if (waiting.push(run) === 1) setImmediate(runAll);
    });
}
