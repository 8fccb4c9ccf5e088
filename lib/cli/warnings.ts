import { printableLines } from '../printable.js';
import { paint } from './terminal.js';

/**
 * Prints the warnings of this process as one message of the command. Node would print the text of a
 * warning as it is, and a name in the text can contain escape sequences.
 */
export function printWarnings(): void {
  // The user has turned off warnings by an option or a variable of Node.
  if (process.listenerCount('warning') === 0) return;
  process.removeAllListeners('warning');
  process.on('warning', (warning: Error & { readonly detail?: string }) => {
    const { name, message, detail } = warning;
    const text = [`${name}: ${message}`, ...(detail === undefined ? [] : [detail])].join('\n');
    console.error(`${paint('yellow', 'vfio:', process.stderr)} ${printableLines(text)}`);
  });
}
