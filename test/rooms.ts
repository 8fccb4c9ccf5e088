import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** A box of docs/architecture.svg. */
export interface Box {
  /** The rooms that the box stands for. For a group of boxes, the name of the group. */
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
  /**
   * Whether the arrow is dashed. A dashed arrow is an import that only files in `exceptions` may
   * have.
   */
  readonly named?: true;
}

/** The contents of docs/architecture.json: the rooms, the imports between them, and the picture. */
interface Architecture {
  /** For each room, the other rooms that the room may import. */
  readonly arrows: Readonly<Record<string, readonly string[]>>;
  /** For single files, the additional rooms that the file may import. */
  readonly exceptions: Readonly<Record<string, readonly string[]>>;
  readonly boxes: readonly Box[];
  readonly lines: readonly Line[];
}

export const architecture = JSON.parse(
  readFileSync(join(root, 'docs/architecture.json'), 'utf8'),
) as Architecture;

/**
 * Returns the room of a path below lib/. The path has no file extension. The room is the longest
 * room name at the start of the path.
 */
export function roomOf(path: string): string | undefined {
  return Object.keys(architecture.arrows)
    .filter((room) => path === room || path.startsWith(`${room}/`))
    .sort((a, b) => b.length - a.length)[0];
}
