import type { Judged, Result } from './measure.js';
import { digits } from './table.js';

const WIDTH = 960;
const LABELS = 420;
const LINE = 22;
const TOP = 64;

/**
 * Fill colours of the bars: one colour for each possible result of a goal. The colours suit light
 * and dark backgrounds.
 */
const FILL = { stretch: '#2e8b57', goal: '#4a90d9', missed: '#d9534f', none: '#8a8f98' } as const;

interface Bar extends Judged {
  readonly label: string;
}

/**
 * Draws the ratios as an SVG chart on a logarithmic scale. A shorter bar is faster. A tick marks
 * the goal.
 */
export function chart(title: string, note: string, results: readonly Result[]): string {
  const bars = results.flatMap((result) =>
    result.goals
      .filter(({ to }) => to !== undefined)
      .map((goal): Bar => ({ ...goal, label: `${result.title}: ${goal.of} / ${goal.to ?? ''}` })),
  );
  const ends = bars.flatMap(({ value, atMost }) => [value, atMost ?? value]);
  const low = 10 ** Math.floor(Math.log10(Math.min(1, ...ends)));
  const high = 10 ** Math.ceil(Math.log10(Math.max(1, ...ends)));
  const x = (ratio: number) => {
    const part = Math.log(ratio / low) / Math.log(high / low);
    return round(LABELS + part * (WIDTH - LABELS - 70));
  };
  const bottom = TOP + bars.length * LINE;
  const decades: number[] = [];
  for (let at = low; at <= high * 1.001; at *= 10) decades.push(at);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${bottom + 24}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="12" y="22" font-size="16" font-weight="bold">${escape(title)}</text>
<text x="12" y="42" fill="#555">${escape(note)}</text>
${decades
  .map(
    (
      at,
    ) => `<line x1="${x(at)}" y1="${TOP - 6}" x2="${x(at)}" y2="${bottom}" stroke="${Math.abs(Math.log10(at)) < 1e-6 ? '#555' : '#ddd'}"/>
<text x="${x(at)}" y="${bottom + 16}" text-anchor="middle" fill="#555">${digits(at)}x</text>`,
  )
  .join('\n')}
${bars.map((bar, i) => draw(bar, TOP + i * LINE, x, low)).join('\n')}
</svg>
`;
}

function draw(bar: Bar, y: number, x: (ratio: number) => number, low: number): string {
  const end = x(bar.value);
  const fill = FILL[bar.reached ?? 'none'];
  const tick =
    bar.atMost === undefined
      ? ''
      : `<line x1="${x(bar.atMost)}" y1="${y}" x2="${x(bar.atMost)}" y2="${y + LINE - 6}" stroke="#111" stroke-width="2"/>`;
  return `<text x="${LABELS - 8}" y="${y + 12}" text-anchor="end">${escape(bar.label)}</text>
<rect x="${x(low)}" y="${y + 2}" width="${round(Math.max(1, end - x(low)))}" height="${LINE - 10}" fill="${fill}"/>
<text x="${Math.max(end, x(bar.atMost ?? bar.value)) + 6}" y="${y + 12}">${digits(bar.value)}x</text>${tick}`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
