/** A directed graph: the key is a node, the value contains the node's direct successors. */
export type Graph = Map<string, Set<string>>;

/**
 * Finds the shortest cycle through a node. The result starts and ends with the node. If there is no
 * cycle, the result is empty.
 */
export function findCycle(graph: Graph, start: string): string[] {
  const before = new Map<string, string>();
  const queue = [start];
  for (const node of queue) {
    for (const next of graph.get(node) ?? []) {
      if (before.has(next)) continue;
      before.set(next, node);
      if (next === start) return pathTo(start, before);
      queue.push(next);
    }
  }
  return [];
}

function pathTo(start: string, before: ReadonlyMap<string, string>): string[] {
  const path = [start];
  do path.unshift(before.get(path[0] ?? '') ?? start);
  while (path[0] !== start);
  return path;
}
