import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { architecture, root, type Box } from '../rooms.js';

const { arrows, exceptions, boxes, lines } = architecture;

const right = ({ at, size }: Box) => at[0] + size[0];
const bottom = ({ at, size }: Box) => at[1] + size[1];

function contains(outer: Box, inner: Box): boolean {
  const beginsInside = outer.at[0] <= inner.at[0] && outer.at[1] <= inner.at[1];
  return beginsInside && right(inner) <= right(outer) && bottom(inner) <= bottom(outer);
}

/**
 * Returns the box that stands for a component. A component without a box is drawn as part of the
 * enclosing component's box.
 */
function boxOf(room: string): Box {
  const [box] = boxes
    .filter(({ rooms }) => rooms.some((name) => room === name || room.startsWith(`${name}/`)))
    .sort((a, b) => Number(contains(a, b)) - Number(contains(b, a)));
  if (box === undefined) throw new RangeError(`no box has the room ${room}`);
  return box;
}

/** Returns the components that a box contains, including the components in inner boxes. */
function roomsIn(outer: Box): string[] {
  return Object.keys(arrows).filter((room) => contains(outer, boxOf(room)));
}

/** All allowed imports, each as a pair of components. */
const imports = Object.entries(arrows).flatMap(([from, others]) =>
  others.map((to) => [from, to] as const),
);
const named = Object.entries(exceptions).flatMap(([file, others]) =>
  others.map((to) => [file.slice(0, file.lastIndexOf('/')), to] as const),
);

/** Returns all boxes that can be reached from a box along the lines of the picture. */
function reachedFrom(start: Box): Set<Box> {
  const reached = new Set([start]);
  for (const box of reached) {
    for (const inner of boxes.filter((one) => contains(box, one))) reached.add(inner);
    for (const { from, to } of lines) if (boxOf(from) === box) reached.add(boxOf(to));
  }
  return reached;
}

test('docs/architecture.svg equals the output of scripts/draw-architecture.mjs', async (t) => {
  const script = new URL('../../../scripts/draw-architecture.mjs', import.meta.url);
  const { draw } = (await import(script.href)) as { draw: (from: unknown) => string };
  t.is(
    readFileSync(join(root, 'docs/architecture.svg'), 'utf8'),
    draw(architecture),
    'run node scripts/draw-architecture.mjs',
  );
});

test('every line of docs/architecture.svg stands for an allowed import', (t) => {
  for (const { from, to, named: isNamed } of lines) {
    if (to.startsWith('native/')) continue; // C++
    const sources = roomsIn(boxOf(from));
    const targets = roomsIn(boxOf(to));
    const found = (isNamed === true ? named : imports).some(
      ([source, target]) => sources.includes(source) && targets.includes(target),
    );
    t.true(found, `${from} to ${to}`);
  }
});

test('the picture contains lines for every allowed import, except imports of the ground box', (t) => {
  const ground = boxOf('ground');
  const missing = [...imports, ...named].filter(([from, to]) => {
    if (contains(ground, boxOf(to)) || contains(boxOf(to), boxOf(from))) return false;
    return !reachedFrom(boxOf(from)).has(boxOf(to));
  });
  t.deepEqual(missing, []);
});

test('in the picture, each component is drawn below every component that imports the component', (t) => {
  const upward = [...imports, ...named].filter(([from, to]) => {
    const [source, target] = [boxOf(from), boxOf(to)];
    if (contains(source, target) || contains(target, source)) return false;
    return target.at[1] < bottom(source);
  });
  t.deepEqual(upward, []);
});

test('docs/architecture.md describes every component', (t) => {
  const page = readFileSync(join(root, 'docs/architecture.md'), 'utf8');
  const rows = [...page.matchAll(/^\| (.+?) \| .+\. \|$/gm)].flatMap(([, names = '']) =>
    [...names.matchAll(/`lib\/(.+?)(?:\.ts)?`/g)].map(([, name = '']) => name),
  );
  t.deepEqual(
    Object.keys(arrows).filter((room) => !rows.includes(room)),
    [],
  );
});
