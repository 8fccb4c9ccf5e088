/** A range of addresses. */
export interface Interval {
  readonly iova: bigint;
  readonly size: bigint;
}

/**
 * A node of a balanced tree (a treap), sorted by address. `key`, `size` and `largest` are numbers,
 * because V8 compares numbers faster than bigints. The numbers are rounded, so two different
 * addresses can have the same key.
 */
export interface Node<T extends Interval> {
  interval: T;
  /** The first address. */
  key: number;
  size: number;
  /** The largest size in the subtree. */
  largest: number;
  /** A random number. No node has a higher priority than its parent, so the tree is balanced. */
  readonly priority: number;
  left: Tree<T>;
  right: Tree<T>;
}

export type Tree<T extends Interval> = Node<T> | null;

/** Returns the node of the last interval that starts at an address or below the address. */
export function findAtOrBelow<T extends Interval>(tree: Tree<T>, address: bigint): Tree<T> {
  const key = Number(address);
  let found: Tree<T> = null;
  for (let node = tree; node !== null;) {
    if (node.key < key || (node.key === key && node.interval.iova <= address)) {
      found = node;
      node = node.right;
    } else {
      node = node.left;
    }
  }
  return found;
}

/** Returns the node of the lowest interval that is at least as large as a size, and is suitable. */
export function findLowest<T extends Interval>(
  node: Tree<T>,
  size: number,
  isSuitable: (interval: T) => boolean,
): Tree<T> {
  if (node === null || node.largest < size) return null;
  const below = findLowest(node.left, size, isSuitable);
  if (below !== null) return below;
  if (node.size >= size && isSuitable(node.interval)) return node;
  return findLowest(node.right, size, isSuitable);
}

/** Adds an interval. @returns the root of the new tree */
export function insert<T extends Interval>(tree: Tree<T>, interval: T): Node<T> {
  const [key, size] = [Number(interval.iova), Number(interval.size)];
  const priority = Math.random();
  return insertNode(tree, {
    interval,
    key,
    size,
    largest: size,
    priority,
    left: null,
    right: null,
  });
}

/** Removes the interval that starts at an address. @returns the root of the new tree */
export function remove<T extends Interval>(tree: Tree<T>, iova: bigint, key: number): Tree<T> {
  if (tree === null) return null;
  if (tree.key === key && tree.interval.iova === iova) return merge(tree.left, tree.right);
  if (isBelow(tree, iova, key)) tree.right = remove(tree.right, iova, key);
  else tree.left = remove(tree.left, iova, key);
  update(tree);
  return tree;
}

/** Replaces the interval that starts at an address. The order must stay the same. */
export function replace<T extends Interval>(node: Tree<T>, iova: bigint, key: number, by: T): void {
  if (node === null) return;
  if (node.key === key && node.interval.iova === iova) {
    node.interval = by;
    node.key = Number(by.iova);
    node.size = Number(by.size);
  } else {
    replace(isBelow(node, iova, key) ? node.right : node.left, iova, key, by);
  }
  update(node);
}

/** Adds the intervals that begin within a range to a list, in ascending order. */
export function collect<T extends Interval>(
  node: Tree<T>,
  start: bigint,
  end: bigint,
  into: T[],
): void {
  if (node === null) return;
  const { interval } = node;
  if (interval.iova >= start) collect(node.left, start, end, into);
  if (interval.iova >= start && interval.iova < end) into.push(interval);
  if (interval.iova < end) collect(node.right, start, end, into);
}

function insertNode<T extends Interval>(tree: Tree<T>, added: Node<T>): Node<T> {
  if (tree === null) return added;
  if (tree.priority < added.priority) {
    split(tree, added);
    return added;
  }
  if (isBelow(tree, added.interval.iova, added.key)) tree.right = insertNode(tree.right, added);
  else tree.left = insertNode(tree.left, added);
  if (tree.largest < added.size) tree.largest = added.size;
  return tree;
}

/** Splits a tree. The parts below and above a new node become the children of the new node. */
function split<T extends Interval>(node: Tree<T>, by: Node<T>): void {
  if (node === null) {
    by.left = null;
    by.right = null;
    return;
  }
  if (isBelow(node, by.interval.iova, by.key)) {
    split(node.right, by);
    node.right = by.left;
    by.left = node;
  } else {
    split(node.left, by);
    node.left = by.right;
    by.right = node;
  }
  update(node);
  update(by);
}

/** Joins two trees. All intervals of `below` must start below all intervals of `above`. */
function merge<T extends Interval>(below: Tree<T>, above: Tree<T>): Tree<T> {
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

function isBelow<T extends Interval>(node: Node<T>, iova: bigint, key: number): boolean {
  return node.key < key || (node.key === key && node.interval.iova < iova);
}

function update<T extends Interval>(node: Node<T>): void {
  const { left, right } = node;
  let largest = node.size;
  if (left !== null && left.largest > largest) largest = left.largest;
  if (right !== null && right.largest > largest) largest = right.largest;
  node.largest = largest;
}
