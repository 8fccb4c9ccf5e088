import { isatty } from 'node:tty';
import { styleText } from 'node:util';
import { printable } from '../printable.js';

type Format = Parameters<typeof styleText>[0];

/**
 * Makes a text printable. Adds colour if the stream is a terminal with colours and the variable
 * `NO_COLOR` is not set.
 */
export function paint(
  format: Format,
  text: string,
  stream: NodeJS.WriteStream = process.stdout,
): string {
  return styleText(format, printable(text), { stream });
}

/**
 * Ends the process by SIGHUP if a terminal that the process uses was closed. At a normal exit, Node
 * would try to restore the settings of the closed terminal, and would abort.
 */
export function endWithTerminal(): void {
  const terminals = [0, 1, 2].filter((fd) => isatty(fd));
  if (terminals.length === 0) return;
  process.on('exit', () => {
    if (terminals.every((fd) => isatty(fd))) return;
    process.removeAllListeners('SIGHUP');
    process.kill(process.pid, 'SIGHUP');
    // SIGHUP has no effect if the process ignores this signal.
    process.kill(process.pid, 'SIGKILL');
  });
}
