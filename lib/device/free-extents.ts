/** A range of free addresses. */
export interface Extent {
  readonly start: bigint;
  readonly size: bigint;
}

/** A place in a free extent where an allocation fits. */
export interface Fit {
  readonly extent: Extent;
  /** The lowest suitable address in the extent. */
  readonly iova: bigint;
}

interface Node {
  start: bigint;
  size: bigint;
  /** Size of the largest extent in the subtree. */
  largest: bigint;
  /** A random number. No node has a higher priority than its parent, so the tree is balanced. */
  readonly priority: number;
  left: Node | null;
  right: Node | null;
}

/**
 * Free extents, sorted by address. The extents do not overlap. The extents are a balanced tree (a
 * treap), so that each operation takes logarithmic time although a driver can leave tens of
 * thousands of gaps. Each node knows the largest extent below itself, so that a search skips gaps
 * that are too small.
 */
export class FreeExtents {
  #root: Node | null = null;

  /** Returns the lowest place where an allocation fits, except address 0. */
  findFit(size: bigint, alignment: bigint): Fit | null {
    return findFit(this.#root, size, alignment);
  }

  /** Returns the last extent that starts at an address or below the address. */
  atOrBelow(address: bigint): Extent | null {
    let found: Node | null = null;
    for (let node = this.#root; node !== null;) {
      if (node.start <= address) found = node;
      node = node.start <= address ? node.right : node.left;
    }
    return found;
  }

  add({ start, size }: Extent): void {
    const [below, above] = split(this.#root, start);
    const node = { start, size, largest: size, priority: Math.random(), left: null, right: null };
    this.#root = merge(merge(below, node), above);
  }

  remove({ start }: Extent): void {
    const [below, rest] = split(this.#root, start);
    const [, above] = split(rest, start + 1n);
    this.#root = merge(below, above);
  }

  /** Moves the ends of an extent. The extent must stay between its neighbours. */
  change({ start }: Extent, to: Extent): void {
    change(this.#root, start, to);
  }
}

function findFit(node: Node | null, size: bigint, alignment: bigint): Fit | null {
  if (node === null || node.largest < size) return null;
  const below = findFit(node.left, size, alignment);
  if (below !== null) return below;
  const iova = alignUp(node.start === 0n ? 1n : node.start, alignment);
  if (iova + size <= node.start + node.size) return { extent: node, iova };
  return findFit(node.right, size, alignment);
}

/** Splits a tree into the extents that start below an address, and all other extents. */
function split(node: Node | null, start: bigint): [below: Node | null, rest: Node | null] {
  if (node === null) return [null, null];
  if (node.start < start) {
    const [below, rest] = split(node.right, start);
    node.right = below;
    update(node);
    return [node, rest];
  }
  const [below, rest] = split(node.left, start);
  node.left = rest;
  update(node);
  return [below, node];
}

/** Joins two trees. All extents of `below` must start below all extents of `above`. */
function merge(below: Node | null, above: Node | null): Node | null {
  if (below === null) return above;
  if (above === null) return below;
  if (below.priority > above.priority) {
    below.right = merge(below.right, above);
    update(below);
    return below;
  }
  above.left = merge(below, above.left);
  update(above);
  return above;
}

function change(node: Node | null, start: bigint, to: Extent): void {
  if (node === null) return;
  if (node.start === start) {
    node.start = to.start;
    node.size = to.size;
  } else {
    change(node.start > start ? node.left : node.right, start, to);
  }
  update(node);
}

function update(node: Node): void {
  const { left, right } = node;
  let largest = node.size;
  if (left !== null && left.largest > largest) largest = left.largest;
  if (right !== null && right.largest > largest) largest = right.largest;
  node.largest = largest;
}

function alignUp(value: bigint, alignment: bigint): bigint {
  return (value + alignment - 1n) & ~(alignment - 1n);
}
