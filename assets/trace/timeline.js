// Draws the visible rows of the timeline of `vfio trace` onto one canvas.
import { buildRows, formatCount, formatDuration } from './rows.js';

const trace = JSON.parse(document.getElementById('trace').textContent);
const element = (id) => document.getElementById(id);

// Heights in pixels.
const ROW = 26;
const AXIS = 28;
const BAR = 12;
// Maximum number of late and lost interrupts in the list.
const MAX_PROBLEMS = 200;

const total = Math.max(trace.end - trace.start, 1000);
const rows = buildRows(trace);

const view = { from: 0, to: total };
const box = element('timeline');
const canvas = box.querySelector('canvas');
const context = canvas.getContext('2d');
let colours = {};
let labels = 0;

function readColours() {
  const style = getComputedStyle(document.documentElement);
  const names = ['ground', 'panel', 'line', 'text', 'quiet', 'call', 'register', 'bound'];
  names.push('pending', 'listeners', 'late', 'lost');
  colours = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`)]));
}

function resize() {
  element('space').style.height = `${AXIS + rows.length * ROW}px`;
  const width = box.clientWidth;
  const height = Math.min(AXIS + rows.length * ROW, Math.floor(innerHeight * 0.7));
  canvas.width = width * devicePixelRatio;
  canvas.height = height * devicePixelRatio;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  context.font = '12px system-ui, "DejaVu Sans", sans-serif';
  const longest = Math.max(...rows.map(({ name }) => context.measureText(name).width), 0);
  labels = Math.ceil(Math.min(longest + 20, width * 0.38));
  draw();
}

const width = () => canvas.clientWidth - labels - 8;
const x = (time) => labels + ((time - view.from) / (view.to - view.from)) * width();
const timeAt = (pixel) => view.from + ((pixel - labels) / width()) * (view.to - view.from);

/** Finds the first bar that can end after `time`. */
function findFirstBar(row, time) {
  let [low, high] = [0, row.until.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (row.until[middle] < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Returns the times of the grid lines. */
function computeTicks() {
  const rough = ((view.to - view.from) / width()) * 90;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const first = Math.max(Math.ceil(view.from / step), 0);
  const count = Math.max(Math.floor(view.to / step) - first + 1, 0);
  return Array.from({ length: count }, (_, i) => (first + i) * step);
}

function drawAxis() {
  context.fillStyle = colours.panel;
  context.fillRect(0, 0, canvas.clientWidth, AXIS);
  context.textAlign = 'center';
  context.fillStyle = colours.quiet;
  for (const time of computeTicks()) {
    const text = formatDuration(time)
      .replace(/(\.\d*?)0+ /, '$1 ')
      .replace('. ', ' ');
    const half = context.measureText(text).width / 2;
    const inside = x(time) - half > labels - 8 && x(time) + half < canvas.clientWidth;
    if (inside) context.fillText(text, x(time), 17);
  }
  context.textAlign = 'left';
}

function drawRow(row, top) {
  context.save();
  context.beginPath();
  context.rect(labels, top, width() + 8, ROW);
  context.clip();
  context.fillStyle = colours.bound;
  for (const [from, to] of row.backs) {
    context.fillRect(x(from), top + 3, Math.max(x(to) - x(from), 1), ROW - 6);
  }
  const marks = [];
  let drawn = {};
  for (let i = findFirstBar(row, view.from); i < row.items.length; i++) {
    const item = row.items[i];
    if (item.from > view.to) break;
    const from = x(item.from);
    const to = Math.max(x(item.to), from + 1.5);
    if (item.mark !== undefined) marks.push({ mark: item.mark, at: from });
    // Skip a bar whose place is already filled with its colour.
    if (drawn[item.colour] >= to - 0.3) continue;
    drawn[item.colour] = to;
    context.fillStyle = colours[item.colour];
    context.fillRect(from, top + (ROW - BAR) / 2, to - from, BAR);
  }
  for (const { mark, at } of marks) drawMark(mark, at, top + ROW / 2);
  context.restore();
}

function drawMark(mark, at, middle) {
  context.fillStyle = context.strokeStyle = colours[mark];
  context.lineWidth = 2.5;
  context.beginPath();
  if (mark === 'late') {
    context.moveTo(at, middle - 9);
    context.lineTo(at + 7, middle + 6);
    context.lineTo(at - 7, middle + 6);
    context.fill();
  } else {
    context.moveTo(at - 6, middle - 6);
    context.lineTo(at + 6, middle + 6);
    context.moveTo(at + 6, middle - 6);
    context.lineTo(at - 6, middle + 6);
    context.stroke();
  }
}

/** Cuts off the beginning of a text that is wider than the available space. */
function shortenText(text, room) {
  if (context.measureText(text).width <= room) return text;
  let from = 0;
  while (from < text.length && context.measureText(`…${text.slice(from)}`).width > room) from++;
  return `…${text.slice(from)}`;
}

function draw() {
  context.fillStyle = colours.ground;
  context.fillRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  context.fillStyle = colours.line;
  for (const time of computeTicks())
    context.fillRect(Math.round(x(time)), 0, 1, canvas.clientHeight);
  const top = box.scrollTop;
  rows.forEach((row, i) => {
    const y = AXIS + i * ROW - top;
    if (y < AXIS - ROW || y > canvas.clientHeight) return;
    context.fillStyle = colours.line;
    context.fillRect(0, y + ROW - 1, canvas.clientWidth, 1);
    drawRow(row, y);
    context.fillStyle = colours.text;
    context.fillText(shortenText(row.name, labels - 18), 8, y + ROW / 2 + 4);
  });
  drawAxis();
  context.fillStyle = colours.line;
  context.fillRect(labels - 1, 0, 1, canvas.clientHeight);
  element('range').textContent =
    `${formatDuration(Math.max(view.from, 0))} – ${formatDuration(Math.min(view.to, total))}`;
}

/**
 * Shows the part of the trace between two times. Limits the part to the trace, and limits the zoom.
 */
function showRange(from, to) {
  const span = Math.min(Math.max(to - from, 100), total * 1.04);
  const start = Math.min(Math.max(from, -total * 0.02), total * 1.02 - span);
  view.from = start;
  view.to = start + span;
  draw();
}

function zoom(factor, around = (view.from + view.to) / 2) {
  showRange(around - (around - view.from) * factor, around + (view.to - around) * factor);
}

const showAll = () => showRange(-total * 0.02, total * 1.02);
const move = (part) => {
  const span = view.to - view.from;
  showRange(view.from + span * part, view.to + span * part);
};

/** Finds the bar nearest to a point of the canvas. */
function findItemAt(px, py) {
  const row = rows[Math.floor((py - AXIS + box.scrollTop) / ROW)];
  if (row === undefined || py < AXIS || px < labels) return undefined;
  let best;
  for (let i = findFirstBar(row, timeAt(px - 8)); i < row.items.length; i++) {
    const item = row.items[i];
    if (x(item.from) > px + 8) break;
    const distance = Math.max(x(item.from) - px, px - x(item.to), 0);
    if (best === undefined || distance < best.distance) best = { row, item, distance };
  }
  return best;
}

function showTip(event) {
  const { left, top } = canvas.getBoundingClientRect();
  const found = findItemAt(event.clientX - left, event.clientY - top);
  const box = element('tip');
  box.hidden = found === undefined;
  if (found === undefined) return;
  box.textContent = `${found.row.name} at ${formatDuration(found.item.from)}\n${found.item.text}`;
  box.style.left = `${Math.min(event.clientX + 14, innerWidth - box.offsetWidth - 8)}px`;
  box.style.top = `${Math.min(event.clientY + 16, innerHeight - box.offsetHeight - 8)}px`;
}

let dragged = null;
canvas.addEventListener('pointerdown', (event) => {
  dragged = event.clientX;
  canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener('pointermove', (event) => {
  if (dragged !== null) {
    move((dragged - event.clientX) / width());
    dragged = event.clientX;
  }
  showTip(event);
});
canvas.addEventListener('pointerup', () => (dragged = null));
canvas.addEventListener('pointerleave', () => (element('tip').hidden = true));
canvas.addEventListener('dblclick', showAll);
canvas.addEventListener(
  'wheel',
  (event) => {
    if (event.shiftKey) return;
    event.preventDefault();
    zoom(1.0015 ** event.deltaY, timeAt(event.clientX - canvas.getBoundingClientRect().left));
  },
  { passive: false },
);
const KEYS = {
  '+': () => zoom(0.5),
  '=': () => zoom(0.5),
  '-': () => zoom(2),
  0: showAll,
  ArrowLeft: () => move(-0.2),
  ArrowRight: () => move(0.2),
};
box.addEventListener('keydown', (event) => {
  if (KEYS[event.key] === undefined) return;
  event.preventDefault();
  KEYS[event.key]();
});
box.addEventListener('scroll', draw);
element('closer').addEventListener('click', () => zoom(0.5));
element('wider').addEventListener('click', () => zoom(2));
element('all').addEventListener('click', showAll);
addEventListener('resize', resize);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  readColours();
  draw();
});

function addFigure(name, value, mark = '') {
  const div = document.createElement('div');
  div.className = mark;
  div.append(document.createElement('dt'), document.createElement('dd'));
  div.firstChild.textContent = name;
  div.lastChild.textContent = value;
  element('figures').append(div);
}

function addProblem(row, item) {
  const button = document.createElement('button');
  button.className = item.mark;
  const sign = item.mark === 'late' ? '▲' : '✕';
  const several = item.count > 1 ? ` (${item.count} interrupts)` : '';
  button.textContent = `${sign} ${row.name} ${item.mark} at ${formatDuration(item.from)}${several}`;
  button.addEventListener('click', () => {
    box.scrollTop = Math.max(0, rows.indexOf(row) * ROW - canvas.clientHeight / 2);
    const span = Math.max((item.to - item.from) * 3, total / 200);
    showRange(item.from - span / 3, item.from + (span * 2) / 3);
  });
  const entry = document.createElement('li');
  entry.append(button);
  element('problems').querySelector('ul').append(entry);
}

function addVectorLine(one) {
  const line = document.createElement('tr');
  const µs = (ns) => (ns === undefined ? '–' : (ns / 1000).toFixed(1));
  const cells = [one.device, `${one.irq} ${one.vector}`, one.interrupts, one.deliveries];
  cells.push(µs(one.latency?.median), µs(one.latency?.max), one.late, one.lost);
  for (const cell of cells) line.insertCell().textContent = cell;
  if (one.late > 0) line.cells[6].className = 'late';
  if (one.lost > 0) line.cells[7].className = 'lost';
  element('vectors').tBodies[0].append(line);
}

const sum = (field) => trace.summary.reduce((n, one) => n + one[field], 0);
const calls = trace.threads.reduce((n, thread) => n + thread.calls, 0);
const devices = new Set(trace.threads.flatMap((t) => t.rows.map((row) => row.device)));
document.title = `vfio trace: ${trace.command}`;
element('command').textContent = trace.command;
addFigure('Time', formatDuration(trace.end - trace.start));
addFigure('Devices', devices.size);
addFigure('Calls', formatCount(calls));
addFigure('Interrupts', formatCount(sum('interrupts')));
addFigure(
  'Late',
  `${sum('late')} (over ${formatDuration(trace.late)})`,
  sum('late') > 0 ? 'late' : '',
);
addFigure('Lost', sum('lost'), sum('lost') > 0 ? 'lost' : '');
const problems = rows.flatMap((row) =>
  row.items.filter(({ mark }) => mark !== undefined).map((item) => [row, item]),
);
element('problems').hidden = problems.length === 0;
for (const [row, item] of problems.slice(0, MAX_PROBLEMS)) addProblem(row, item);
for (const one of trace.summary) addVectorLine(one);
element('notes').hidden = trace.notes.length === 0;
for (const note of trace.notes) {
  const entry = document.createElement('li');
  entry.textContent = note;
  element('notes').append(entry);
}
readColours();
resize();
showAll();
