// Connects the parts of the page of `vfio trace`.
import { Drawing } from './draw.js';
import { listenToKeys, listenToPointer } from './input.js';
import {
  showFindings,
  showHeader,
  showHiddenContents,
  showProblems,
  showVectors,
} from './report.js';
import { buildRows } from './rows.js';
import { showTip } from './tip.js';
import { AXIS, ROW, View } from './view.js';

const byId = (id) => document.getElementById(id);
const trace = JSON.parse(byId('trace').textContent);
const rows = buildRows(trace);
const tip = byId('tip');
const view = new View(byId('timeline'), Math.max(trace.end - trace.start, 1000), () => {
  drawing.draw();
  byId('range').textContent = view.describe();
});
const drawing = new Drawing(view, rows);

function resize() {
  drawing.resize();
  drawing.draw();
}

/** Shows a late or lost interrupt in the middle of the timeline. */
function showItem(row, item) {
  view.box.scrollTop = Math.max(0, rows.indexOf(row) * ROW - view.canvas.clientHeight / 2);
  const span = Math.max((item.to - item.from) * 3, view.total / 200);
  view.show(item.from - span / 3, item.from + (span * 2) / 3);
}

byId('space').style.height = `${AXIS + rows.length * ROW}px`;
listenToPointer(view, {
  onPoint: (event) => showTip(tip, view, rows, event),
  onLeave: () => (tip.hidden = true),
});
listenToKeys(view, { closer: byId('closer'), wider: byId('wider'), all: byId('all') });
view.box.addEventListener('scroll', () => drawing.draw());
addEventListener('resize', resize);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  drawing.readColours();
  drawing.draw();
});

showHeader(trace);
showFindings(trace);
showProblems(rows, showItem);
showVectors(trace.summary);
showHiddenContents();
resize();
view.showAll();
