const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const works = new Set<() => void>();

/** Has `work` done when this process ends, by a signal as well; the result takes it back. */
export function atEnd(work: () => void): () => void {
  if (works.size === 0) {
    process.on('exit', workOff);
    for (const signal of SIGNALS) process.on(signal, endBySignal);
  }
  works.add(work);
  return () => {
    works.delete(work);
    if (works.size > 0) return;
    process.off('exit', workOff);
    for (const signal of SIGNALS) process.off(signal, endBySignal);
  };
}

function workOff(): void {
  for (const work of works) work();
}

/** Once our handlers are off, the signal ends the process as it would any other. */
function endBySignal(signal: NodeJS.Signals): void {
  workOff();
  process.off('exit', workOff);
  for (const each of SIGNALS) process.off(each, endBySignal);
  process.kill(process.pid, signal);
}
