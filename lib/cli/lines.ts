import type { Readable } from 'node:stream';
import { VfioError } from '../errors.js';

/**
 * Maximum length of a line, in characters. Without a limit, a file without line breaks would fill
 * the memory. An answer in a record contains up to 128 MiB of data, written as two hex digits per
 * byte.
 */
const MAX_LENGTH = 2 ** 28 + 2 ** 20;

/**
 * Reads lines as they arrive. The last line does not need a line break.
 *
 * @param signal - an abort of this signal ends the sequence of lines
 * @throws VfioError `EFBIG` for a line of more than 257 Mi characters
 */
export async function* readLines(input: Readable, signal: AbortSignal): AsyncGenerator<string> {
  const stop = () => {
    input.destroy();
  };
  signal.addEventListener('abort', stop, { once: true });
  let parts: string[] = [];
  let length = 0;
  let number = 1;
  try {
    for await (const chunk of input.setEncoding('utf8')) {
      const [first = '', ...others] = (chunk as string).split('\n');
      parts.push(first);
      length += first.length;
      for (const other of others) {
        yield parts.join('');
        number++;
        parts = [other];
        length = other.length;
      }
      if (length > MAX_LENGTH) {
        const message = `line ${number} has more than ${MAX_LENGTH} characters`;
        throw new VfioError({ code: 'EFBIG', message });
      }
    }
  } catch (error) {
    if (signal.aborted) return;
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
  if (length > 0) yield parts.join('');
}
