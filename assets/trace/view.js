// The visible part of the timeline, and the places of its rows and times on the canvas.
import { roundStep, timeFormat } from './format.js';

// Heights in pixels.
export const ROW = 26;
export const AXIS = 28;
// Minimum distance of the texts on the axis, in pixels.
const GAP = 24;
// The shortest visible time, in nanoseconds.
const MIN_SPAN = 100;

/** `total` is the length of the trace in nanoseconds. `onChange` draws the timeline. */
export class View {
  constructor(box, total, onChange) {
    this.box = box;
    this.canvas = box.querySelector('canvas');
    this.total = total;
    this.onChange = onChange;
    this.from = 0;
    this.to = total;
    // Width of the names of the rows, in pixels.
    this.labels = 0;
  }

  get width() {
    // A hidden page has no width.
    return Math.max(this.canvas.clientWidth - this.labels - 8, 1);
  }

  x(time) {
    return this.labels + ((time - this.from) / (this.to - this.from)) * this.width;
  }

  timeAt(pixel) {
    return this.from + ((pixel - this.labels) / this.width) * (this.to - this.from);
  }

  /** Returns the upper edge of a row on the canvas. */
  topOf(index) {
    return AXIS + index * ROW - this.box.scrollTop;
  }

  /** Returns the number of the row at a height of the canvas, or -1 on the axis. */
  rowAt(y) {
    return y < AXIS ? -1 : Math.floor((y - AXIS + this.box.scrollTop) / ROW);
  }

  /** Returns the times of the grid lines with their texts. No two texts are equal. */
  ticks(measure) {
    // On a narrow page, the lines are closer, so that the axis still has several texts.
    let step = roundStep(((this.to - this.from) / this.width) * Math.min(90, this.width / 5));
    let format = timeFormat(step, this.to);
    const room = measure(format(this.to)) + GAP;
    const needed = ((this.to - this.from) / this.width) * room;
    if (needed > step) {
      step = roundStep(needed);
      format = timeFormat(step, this.to);
    }
    const first = Math.max(Math.ceil(this.from / step), 0);
    const count = Math.max(Math.floor(Math.min(this.to, this.total) / step) - first + 1, 0);
    return Array.from({ length: count }, (_, i) => {
      const time = (first + i) * step;
      return { time, text: format(time) };
    });
  }

  /** Returns the text of the visible range. */
  describe() {
    const format = timeFormat(roundStep((this.to - this.from) / 1000), this.to);
    return `${format(Math.max(this.from, 0))} – ${format(Math.min(this.to, this.total))}`;
  }

  /** Shows a part of the trace. Limits the part to the trace, and limits the zoom. */
  show(from, to) {
    const { total } = this;
    const span = Math.min(Math.max(to - from, MIN_SPAN), total * 1.04);
    this.from = Math.min(Math.max(from, -total * 0.02), total * 1.02 - span);
    this.to = this.from + span;
    this.onChange();
  }

  showAll() {
    this.show(-this.total * 0.02, this.total * 1.02);
  }

  zoom(factor, around = (this.from + this.to) / 2) {
    this.show(around - (around - this.from) * factor, around + (this.to - around) * factor);
  }

  /** Moves the visible part by a fraction of its length. */
  move(fraction) {
    const span = this.to - this.from;
    this.show(this.from + span * fraction, this.to + span * fraction);
  }
}
