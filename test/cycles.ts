/** What can be reached from what in one step. */
export type Graph = Map<string, Set<string>>;

/** The shortest way from a node back to itself, both ends named; empty if there is none. */
export function findCycle(graph: Graph, start: string): string[] {
  const before = new Map<string, string>();
  const queue = [start];
  for (const node of queue) {
    for (const next of graph.get(node) ?? []) {
      if (before.has(next)) continue;
      before.set(next, node);
      if (next === start) return wayTo(start, before);
      queue.push(next);
    }
  }
  return [];
}

function wayTo(start: string, before: ReadonlyMap<string, string>): string[] {
  const way = [start];
  do way.unshift(before.get(way[0] ?? '') ?? start);
  while (way[0] !== start);
  return way;
}
