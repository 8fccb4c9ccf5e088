// Draws the visible rows of the timeline onto one canvas.
import { findFirstBar } from './rows.js';
import { AXIS, ROW } from './view.js';

const BAR = 12;
const COLOURS = [
  ...['ground', 'panel', 'line', 'text', 'quiet', 'call', 'register', 'bound'],
  ...['pending', 'listeners', 'late', 'lost'],
];

export class Drawing {
  constructor(view, rows) {
    this.view = view;
    this.rows = rows;
    this.context = view.canvas.getContext('2d');
    this.readColours();
  }

  readColours() {
    const style = getComputedStyle(document.documentElement);
    const value = (name) => style.getPropertyValue(`--${name}`);
    this.colours = Object.fromEntries(COLOURS.map((name) => [name, value(name)]));
  }

  /** Adapts the canvas to the size of the window. */
  resize() {
    const { view, rows, context } = this;
    const { canvas, box } = view;
    const width = box.clientWidth;
    const height = Math.min(AXIS + rows.length * ROW, Math.floor(innerHeight * 0.7));
    canvas.width = width * devicePixelRatio;
    canvas.height = height * devicePixelRatio;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.font = '12px system-ui, "DejaVu Sans", sans-serif';
    const longest = Math.max(...rows.map(({ name }) => this.measure(name)), 0);
    view.labels = Math.ceil(Math.min(longest + 20, width * 0.38));
  }

  measure = (text) => this.context.measureText(text).width;

  draw() {
    const { view, context, colours } = this;
    const { clientWidth, clientHeight } = view.canvas;
    const ticks = view.ticks(this.measure);
    context.fillStyle = colours.ground;
    context.fillRect(0, 0, clientWidth, clientHeight);
    context.fillStyle = colours.line;
    for (const { time } of ticks) context.fillRect(Math.round(view.x(time)), 0, 1, clientHeight);
    this.rows.forEach((row, i) => {
      const top = view.topOf(i);
      if (top < AXIS - ROW || top > clientHeight) return;
      this.#drawRow(row, top);
    });
    this.#drawAxis(ticks);
    context.fillStyle = colours.line;
    context.fillRect(view.labels - 1, 0, 1, clientHeight);
    this.#drawEnd();
  }

  #drawAxis(ticks) {
    const { view, context, colours } = this;
    const { clientWidth } = view.canvas;
    context.fillStyle = colours.panel;
    context.fillRect(0, 0, clientWidth, AXIS);
    context.textAlign = 'center';
    context.fillStyle = colours.quiet;
    for (const { time, text } of ticks) {
      const [at, half] = [view.x(time), this.measure(text) / 2];
      if (at - half > view.labels - 8 && at + half < clientWidth) context.fillText(text, at, 17);
    }
    context.textAlign = 'left';
  }

  /** Draws the end of the program. */
  #drawEnd() {
    const { view, context, colours } = this;
    const at = view.x(view.total);
    if (at < view.labels || at > view.canvas.clientWidth) return;
    context.fillStyle = colours.quiet;
    context.fillRect(Math.round(at), AXIS, 2, view.canvas.clientHeight - AXIS);
  }

  #drawRow(row, top) {
    const { view, context, colours } = this;
    context.fillStyle = colours.line;
    context.fillRect(0, top + ROW - 1, view.canvas.clientWidth, 1);
    context.save();
    context.beginPath();
    context.rect(view.labels, top, view.width + 8, ROW);
    context.clip();
    context.fillStyle = colours.bound;
    for (const [from, to] of row.backs) {
      const width = Math.max(view.x(to) - view.x(from), 1);
      context.fillRect(view.x(from), top + 3, width, ROW - 6);
    }
    for (const { mark, at } of this.#drawBars(row, top)) this.#drawMark(mark, at, top + ROW / 2);
    context.restore();
    context.fillStyle = colours.text;
    context.fillText(this.#shorten(row.name, view.labels - 18), 8, top + ROW / 2 + 4);
  }

  /** Draws the bars of a row. Returns the marks to draw over the bars. */
  #drawBars(row, top) {
    const { view, context, colours } = this;
    const marks = [];
    const drawn = {};
    for (let i = findFirstBar(row, view.from); i < row.items.length; i++) {
      const item = row.items[i];
      if (item.from > view.to) break;
      const from = view.x(item.from);
      const to = Math.max(view.x(item.to), from + 1.5);
      if (item.mark !== undefined) marks.push({ mark: item.mark, at: from });
      // Skip a bar whose place is already filled with its colour.
      if (drawn[item.colour] >= to - 0.3) continue;
      drawn[item.colour] = to;
      context.fillStyle = colours[item.colour];
      context.fillRect(from, top + (ROW - BAR) / 2, to - from, BAR);
    }
    return marks;
  }

  #drawMark(mark, at, middle) {
    const { context, colours } = this;
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
  #shorten(text, room) {
    if (this.measure(text) <= room) return text;
    let from = 0;
    while (from < text.length && this.measure(`…${text.slice(from)}`) > room) from++;
    return `…${text.slice(from)}`;
  }
}
