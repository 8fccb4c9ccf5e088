// Fills the parts of the page around the timeline.
import { formatCount, formatDuration, formatTime } from './format.js';

// Maximum number of late and lost interrupts in the list.
const MAX_PROBLEMS = 200;

const element = (id) => document.getElementById(id);

function addItem(list, ...contents) {
  const entry = document.createElement('li');
  entry.append(...contents);
  list.append(entry);
}

function addFigure(name, value, mark = '') {
  const div = document.createElement('div');
  div.className = mark;
  div.append(document.createElement('dt'), document.createElement('dd'));
  div.firstChild.textContent = name;
  div.lastChild.textContent = value;
  element('figures').append(div);
}

/** Shows the command, the figures, the notes and the end of the program. */
export function showHeader(trace) {
  const sum = (field) => trace.summary.reduce((n, one) => n + one[field], 0);
  const calls = trace.threads.reduce((n, thread) => n + thread.calls, 0);
  const devices = new Set(trace.threads.flatMap((t) => t.rows.map((row) => row.device)));
  const [late, lost] = [sum('late'), sum('lost')];
  document.title = `vfio trace: ${trace.command}`;
  element('command').textContent = trace.command;
  addFigure('End', trace.ended, trace.ended === 'exit code 0' ? '' : 'lost');
  addFigure('Time', formatDuration(trace.end - trace.start));
  addFigure('Devices', devices.size);
  addFigure('Calls', formatCount(calls));
  addFigure('Interrupts', formatCount(sum('interrupts')));
  addFigure('Late', `${late} (over ${formatDuration(trace.late)})`, late > 0 ? 'late' : '');
  addFigure('Lost', lost, lost > 0 ? 'lost' : '');
  element('notes').hidden = trace.notes.length === 0;
  for (const note of trace.notes) addItem(element('notes'), note);
}

/** Shows what explains the end of the program. */
export function showFindings({ findings, ended }) {
  const section = element('findings');
  section.hidden = findings.length === 0;
  element('ended').textContent = `What explains “${ended}”`;
  for (const { device, text } of findings) {
    const name = document.createElement('strong');
    name.textContent = device ?? 'program';
    addItem(section.querySelector('ul'), name, ` ${text}`);
  }
}

/** Shows the late and lost interrupts. A click calls `onClick(row, item)`. */
export function showProblems(rows, onClick) {
  const problems = rows.flatMap((row) =>
    row.items.filter(({ mark }) => mark !== undefined).map((item) => [row, item]),
  );
  const section = element('problems');
  section.hidden = problems.length === 0;
  const shown = problems.slice(0, MAX_PROBLEMS);
  const part = shown.length < problems.length ? `the first ${shown.length} of ` : '';
  element('problem-count').textContent = `(${part}${formatCount(problems.length)})`;
  for (const [row, item] of shown) {
    const button = document.createElement('button');
    button.className = item.mark;
    const sign = item.mark === 'late' ? '▲' : '✕';
    const several = item.count > 1 ? ` (${item.count} interrupts)` : '';
    button.textContent = `${sign} ${row.name} ${item.mark} at ${formatTime(item.from)}${several}`;
    button.addEventListener('click', () => onClick(row, item));
    addItem(section.querySelector('ul'), button);
  }
}

/** Shows the figures of the vectors. */
export function showVectors(summary) {
  const µs = (ns) => (ns === undefined ? '–' : (ns / 1000).toFixed(1));
  // Without vectors, the headings of the table would be its only contents.
  element('vectors').closest('section').hidden = summary.length === 0;
  for (const one of summary) {
    const line = element('vectors').tBodies[0].insertRow();
    const cells = [one.device, `${one.irq} ${one.vector}`, one.interrupts, one.deliveries];
    cells.push(µs(one.latency?.median), µs(one.latency?.max), one.late, one.lost);
    for (const cell of cells) line.insertCell().textContent = cell;
    if (one.late > 0) line.cells[6].className = 'late';
    if (one.lost > 0) line.cells[7].className = 'lost';
  }
}

/** Marks the edges behind which an element has further contents. */
export function showHiddenContents() {
  for (const frame of document.querySelectorAll('.scroll')) {
    const box = frame.firstElementChild;
    const update = () => {
      const right = box.scrollWidth - box.clientWidth - box.scrollLeft;
      const below = box.scrollHeight - box.clientHeight - box.scrollTop;
      frame.classList.toggle('more-right', right > 1);
      frame.classList.toggle('more-below', below > 1);
    };
    box.addEventListener('scroll', update);
    new ResizeObserver(update).observe(box);
    update();
  }
}
