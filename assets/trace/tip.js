// The text about the bar under the pointer.
import { formatTime } from './format.js';
import { findFirstBar } from './rows.js';
import { ROW } from './view.js';

// Distance to the row and to the edge of the window, in pixels.
const MARGIN = 6;
// A bar within this distance of the pointer is found, in pixels.
const REACH = 8;

/** Finds the bar nearest to a point of the canvas. */
function findBar(view, rows, px, py) {
  const index = view.rowAt(py);
  const row = rows[index];
  if (row === undefined || px < view.labels) return undefined;
  let best;
  for (let i = findFirstBar(row, view.timeAt(px - REACH)); i < row.items.length; i++) {
    const item = row.items[i];
    if (view.x(item.from) > px + REACH) break;
    const distance = Math.max(view.x(item.from) - px, px - view.x(item.to), 0);
    if (best === undefined || distance < best.distance) best = { row, index, item, distance };
  }
  return best;
}

/** Shows the text about the bar under the pointer: below its row, or above its row. */
export function showTip(tip, view, rows, event) {
  const { left, top } = view.canvas.getBoundingClientRect();
  const found = findBar(view, rows, event.clientX - left, event.clientY - top);
  tip.hidden = found === undefined;
  if (found === undefined) return;
  const { row, index, item } = found;
  tip.textContent = `${row.name} at ${formatTime(item.from)}\n${item.text}`;
  const rowTop = top + view.topOf(index);
  const below = rowTop + ROW + MARGIN;
  const hasRoom = below + tip.offsetHeight + MARGIN <= innerHeight;
  const y = hasRoom ? below : Math.max(rowTop - tip.offsetHeight - MARGIN, MARGIN);
  const x = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - MARGIN);
  tip.style.left = `${Math.max(x, MARGIN)}px`;
  tip.style.top = `${y}px`;
}
