import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** A box of docs/architecture.svg. */
export interface Box {
  /** The rooms that the box stands for, or the name of a group of boxes. */
  readonly rooms: readonly string[];
  /** Left and top edge. */
  readonly at: readonly [number, number];
  /** Width and height. */
  readonly size: readonly [number, number];
}

/** An arrow of docs/architecture.svg. */
export interface Line {
  readonly from: string;
  readonly to: string;
  /** Drawn dashed: an import that only the files in `exceptions` may have. */
  readonly named?: true;
}

/** docs/architecture.json: the one source of the rooms, of their imports and of the picture. */
interface Architecture {
  /** The rooms, and which others each may import. */
  readonly arrows: Readonly<Record<string, readonly string[]>>;
  /** Single files of a room that may import further rooms. */
  readonly exceptions: Readonly<Record<string, readonly string[]>>;
  readonly boxes: readonly Box[];
  readonly lines: readonly Line[];
}

export const architecture = JSON.parse(
  readFileSync(join(root, 'docs/architecture.json'), 'utf8'),
) as Architecture;

/** The room of a path below lib/, without its extension: the longest name that the path begins with. */
export function roomOf(path: string): string | undefined {
  return Object.keys(architecture.arrows)
    .filter((room) => path === room || path.startsWith(`${room}/`))
    .sort((a, b) => b.length - a.length)[0];
}
