import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** A box of docs/architecture.svg. */
export interface Box {
  /** The components of lib/ that the box stands for, or the name of a group of boxes. */
  readonly rooms: readonly string[];
  /** Positions of the box's left edge and top edge. */
  readonly at: readonly [number, number];
  /** Width and height. */
  readonly size: readonly [number, number];
}

/** An arrow of docs/architecture.svg. */
export interface Line {
  readonly from: string;
  readonly to: string;
  /**
   * Whether the arrow is dashed. A dashed arrow stands for an import that is allowed only for the
   * files in `exceptions`.
   */
  readonly named?: true;
}

/**
 * The contents of docs/architecture.json: the components ("rooms") of lib/, the allowed imports,
 * and the picture.
 */
interface Architecture {
  /** For each component, the other components that the component is allowed to import. */
  readonly arrows: Readonly<Record<string, readonly string[]>>;
  /** For some files, the additional components that the file is allowed to import. */
  readonly exceptions: Readonly<Record<string, readonly string[]>>;
  readonly boxes: readonly Box[];
  readonly lines: readonly Line[];
}

export const architecture = JSON.parse(
  readFileSync(join(root, 'docs/architecture.json'), 'utf8'),
) as Architecture;

/**
 * Returns the component ("room") to which a path below lib/ belongs. The path has no file
 * extension. If several component names match the start of the path, the longest name is returned.
 */
export function roomOf(path: string): string | undefined {
  return Object.keys(architecture.arrows)
    .filter((room) => path === room || path.startsWith(`${room}/`))
    .sort((a, b) => b.length - a.length)[0];
}
