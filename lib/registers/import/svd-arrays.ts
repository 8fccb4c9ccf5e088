import { integerOf } from './integer.js';
import { type Element, textOf } from './xml.js';

const COUNT_MAX = 4096;

/** One element of an SVD array, or a whole array of registers or clusters. */
export interface Instance {
  readonly name: string;
  /** Bytes from the first element; bits for fields. */
  readonly offset: number;
  readonly count?: number | undefined;
  readonly stride?: number | undefined;
}

/**
 * Expands an element with `dim`. A register or a cluster with the name `NAME[%s]` stays one array.
 */
export function expand(element: Element, where: string): Instance[] {
  const name = textOf(element, 'name') ?? '';
  const dim = textOf(element, 'dim');
  if (dim === undefined) return [{ name, offset: 0 }];
  const count = integerOf(dim, `${where}.dim`);
  const stride = integerOf(textOf(element, 'dimIncrement'), `${where}.dimIncrement`);
  if (element.name !== 'field' && name.endsWith('[%s]')) {
    return [{ name: name.slice(0, -'[%s]'.length), offset: 0, count, stride }];
  }
  if (count > COUNT_MAX) {
    throw new RangeError(`${where}.dim must be at most ${COUNT_MAX}, not ${count}`);
  }
  const indexes = indexesOf(textOf(element, 'dimIndex'), count);
  return indexes.map((index, i) => ({
    name: name.includes('%s') ? name.replace(/\[?%s\]?/, index) : `${name}${index}`,
    offset: i * stride,
  }));
}

/** Returns the texts that replace `%s`: `0,1,2`, `A-D`, `3-6` or a list of names. */
function indexesOf(text: string | undefined, count: number): string[] {
  const numbers = Array.from({ length: count }, (_, i) => String(i));
  if (text === undefined) return numbers;
  const range = /^(\d+|[A-Za-z])-(\d+|[A-Za-z])$/.exec(text);
  const start = range?.[1];
  const names =
    start === undefined
      ? text.split(',').map((name) => name.trim())
      : numbers.map((_, i) =>
          /\d/.test(start)
            ? String(Number(start) + i)
            : String.fromCharCode(start.charCodeAt(0) + i),
        );
  return names.length === count ? names : numbers;
}
