/** Hands on text as whole lines, however it arrives; what never ends in a newline is kept back. */
export function wholeLines(take: (lines: string) => void): (text: string) => void {
  let rest = '';
  return (text) => {
    const end = text.lastIndexOf('\n') + 1;
    if (end === 0) {
      rest += text;
      return;
    }
    take(rest + text.slice(0, end));
    rest = text.slice(end);
  };
}
