// Draws docs/architecture.svg from docs/architecture.json. The JSON file contains the folders of
// lib/, the allowed imports between the folders, and the position of each folder in the picture.
//   node scripts/draw-architecture.mjs
// test/docs/picture.test.ts checks that the committed picture is up to date, and that the lines of
// the picture match the allowed imports.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const WIDTH = 880;
const MARGIN = 16;
const HEAD = 7;

const STYLE = `
svg { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
.page { fill: #ffffff; stroke: #d0d7de; }
.title { fill: #1f2328; font-size: 14px; font-weight: 600; }
.text, .note { fill: #57606a; font-size: 11.5px; }
.line { stroke: #6e7781; stroke-width: 1.5; fill: none; }
.named { stroke-dasharray: 4 3; }
.head { fill: #6e7781; }
.room { fill: #ffffff; stroke-width: 1.25; }
.frame { stroke-width: 1.25; }
.program { stroke: #4a7fc1; } .program.frame { fill: #eaf2fc; }
.virtual { stroke: #8a63c9; } .virtual.frame { fill: #f4effc; }
.device { stroke: #b3508f; } .device.frame { fill: #fbeef6; }
.backend { stroke: #3d8f5f; } .backend.frame { fill: #ebf6ef; } .backend.inner { fill: #dcefe3; }
.observe { stroke: #b07a1e; } .observe.frame { fill: #fcf4e3; }
.host { stroke: #5b7285; } .host.frame { fill: #eef2f5; }
.ground { stroke: #57606a; } .ground.frame { fill: #f1f2f4; }
.seam { stroke: #1f2328; stroke-width: 2; }
@media (prefers-color-scheme: dark) {
  .page { fill: #0d1117; stroke: #30363d; }
  .title { fill: #e6edf3; }
  .text, .note { fill: #9da7b3; }
  .line { stroke: #8b949e; }
  .head { fill: #8b949e; }
  .room { fill: #161b22; }
  .program { stroke: #5b94dd; } .program.frame { fill: #12233a; }
  .virtual { stroke: #a585e0; } .virtual.frame { fill: #1f1933; }
  .device { stroke: #d073ad; } .device.frame { fill: #2d1826; }
  .backend { stroke: #56b37c; } .backend.frame { fill: #10261a; } .backend.inner { fill: #173524; }
  .observe { stroke: #d29a3a; } .observe.frame { fill: #2b2110; }
  .host { stroke: #8199ad; } .host.frame { fill: #17212b; }
  .ground { stroke: #8b949e; } .ground.frame { fill: #1c2128; }
  .seam { stroke: #e6edf3; }
}
`.trim();

/**
 * Returns the picture of a specification as SVG. Draws the frames first, then the arrows, then the
 * boxes.
 */
export function draw({ boxes, lines, notes }) {
  const height =
    Math.max(...boxes.map(({ at, size }) => at[1] + size[1])) + MARGIN + 18 * notes.length + 4;
  const frames = boxes.filter(({ frame }) => frame !== undefined);
  const rooms = boxes.filter(({ frame }) => frame === undefined);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="name">`,
    '<title id="name">The components of vfio and their imports</title>',
    `<style>\n${STYLE}\n</style>`,
    `<rect class="page" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="10"/>`,
    ...frames.map(drawBox),
    ...lines.map((line) => drawLine(line, boxes)),
    ...rooms.map(drawBox),
    ...notes.map(({ at: [x, y], text }) => textAt('note', x, y, text)),
    '</svg>',
    '',
  ].join('\n');
}

function drawBox({ tone, title, text = [], at: [x, y], size: [width, height], frame, seam }) {
  const kind = frame === undefined ? 'room' : frame;
  const classes = [kind === 'room' ? kind : `frame ${kind}`, tone, ...(seam ? ['seam'] : [])];
  const rect = `<rect class="${classes.join(' ')}" x="${x}" y="${y}" width="${width}" height="${height}" rx="6"/>`;
  const first = kind === 'room' ? y + (height - 16 * text.length) / 2 + 4.5 : y + 18;
  const left = x + 12;
  const middle = x + width / 2;
  const lines =
    kind === 'room'
      ? [
          textAt('title', middle, first, title, 'middle'),
          ...text.map((line, i) => textAt('text', middle, first + 16 * (i + 1), line, 'middle')),
        ]
      : [
          `<text x="${left}" y="${first}"><tspan class="title">${escape(title)}</tspan>${text.map((line) => `<tspan class="text" dx="8">${escape(line)}</tspan>`).join('')}</text>`,
        ];
  return [rect, ...lines].join('\n');
}

/**
 * Returns a straight arrow that points down, from the bottom of one box to the top of another box.
 */
function drawLine({ from, to, x, named }, boxes) {
  const [source, target] = [boxOf(from, boxes), boxOf(to, boxes)];
  const left = Math.max(source.at[0], target.at[0]);
  const right = Math.min(source.at[0] + source.size[0], target.at[0] + target.size[0]);
  const at = x ?? (left + right) / 2;
  const top = source.at[1] + source.size[1];
  const end = target.at[1];
  if (at < left || at > right || end - top < HEAD) {
    throw new RangeError(`the arrow from ${from} to ${to} does not point down`);
  }
  const tip = `M${at} ${end - 1} l-4 -${HEAD} h8 z`;
  return `<path class="line${named ? ' named' : ''}" d="M${at} ${top} V${end - HEAD}"/><path class="head" d="${tip}"/>`;
}

function boxOf(room, boxes) {
  const box = boxes.find((one) => one.rooms.includes(room));
  if (box === undefined) throw new RangeError(`no box has the room ${room}`);
  return box;
}

function textAt(name, x, y, text, anchor = 'start') {
  return `<text class="${name}" x="${x}" y="${y}" text-anchor="${anchor}">${escape(text)}</text>`;
}

function escape(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

const here = fileURLToPath(import.meta.url);
if (process.argv[1] === here) {
  const file = (name) => fileURLToPath(new URL(`../docs/${name}`, import.meta.url));
  const specification = JSON.parse(readFileSync(file('architecture.json'), 'utf8'));
  writeFileSync(file('architecture.svg'), draw(specification));
}
