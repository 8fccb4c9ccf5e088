import { isatty } from 'node:tty';
import { styleText } from 'node:util';
import { printable } from '../printable.js';

type Format = Parameters<typeof styleText>[0];

/**
 * Makes a text printable, and colours the text if the stream is a terminal with colours and NO_COLOR
 * is not set.
 */
export function paint(
  format: Format,
  text: string,
  stream: NodeJS.WriteStream = process.stdout,
): string {
  return styleText(format, printable(text), { stream });
}

/**
 * Ends the process by SIGHUP if a terminal of the process was closed. At a normal exit, Node restores
 * the terminal's settings, and aborts if that fails.
 */
export function endWithTerminal(): void {
  const terminals = [0, 1, 2].filter((fd) => isatty(fd));
  if (terminals.length === 0) return;
  process.on('exit', () => {
    if (terminals.every((fd) => isatty(fd))) return;
    process.removeAllListeners('SIGHUP');
    process.kill(process.pid, 'SIGHUP');
    // The process may ignore SIGHUP.
    process.kill(process.pid, 'SIGKILL');
  });
}
