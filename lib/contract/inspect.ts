/** The texts of objects of the library in `console.log` and in `util.inspect`. */
import { inspect, type InspectOptions } from 'node:util';

/**
 * The options that Node passes to `[inspect.custom]()`. The name of this type in `@types/node` depends
 * on the version.
 */
export interface InspectContext extends InspectOptions {
  stylize(text: string, style: 'number' | 'string' | 'special'): string;
}

/** Number of bytes that are shown of a piece of memory. */
const SHOWN_BYTES = 16;

/** A value whose text is already known. */
class Text {
  readonly #text: string;
  readonly #style: 'number' | 'string';

  constructor(text: string, style: 'number' | 'string') {
    this.#text = text;
    this.#style = style;
  }

  [inspect.custom](_depth: number, options: InspectContext): string {
    return options.stylize(this.#text, this.#style);
  }
}

/** Formats a name and properties as `util.inspect` formats an object of a class. */
export function inspectAs(
  name: string,
  properties: object,
  depth: number,
  options: InspectContext,
): string {
  if (depth < 0) return options.stylize(`[${name}]`, 'special');
  return `${name} ${inspect(properties, { ...options, depth: options.depth == null ? null : depth })}`;
}

/** Returns a value that is shown in hex. A bigint keeps its suffix. */
export function inHex(value: number | bigint): unknown {
  const digits = (value < 0 ? -value : value).toString(16);
  const text = `${value < 0 ? '-' : ''}0x${digits}${typeof value === 'bigint' ? 'n' : ''}`;
  return new Text(text, 'number');
}

/** Returns a value that is shown as the first bytes in hex, and the number of bytes. */
export function inBytes(bytes: Uint8Array): unknown {
  const shown = Buffer.from(bytes.subarray(0, SHOWN_BYTES)).toString('hex');
  const pairs = shown.replace(/..(?=.)/g, '$& ');
  const more = bytes.length > SHOWN_BYTES ? ' …' : '';
  return new Text(`<${pairs}${more}> (${bytes.length} bytes)`, 'string');
}
