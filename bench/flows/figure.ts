import type { Growth } from './grow.js';

const WIDTH = 960;
const HEIGHT = 380;
const TOP = 70;
const BOTTOM = 60;
const PANEL = 380;
const COLOUR = { incremental: '#d9534f', upfront: '#4a90d9', dynamic: '#2e8b57' } as const;
/** Dash pattern of each line. If a dashed line lies over another line, both lines are visible. */
const DASH = { incremental: '', upfront: '', dynamic: '6 6' } as const;

interface Panel {
  readonly title: string;
  readonly left: number;
  readonly value: (growth: Growth) => number;
}

const PANELS: readonly Panel[] = [
  { title: 'interrupts lost', left: 70, value: ({ lost }) => lost },
  { title: 'time, ms', left: 540, value: ({ milliseconds }) => milliseconds },
];

/**
 * Draws two graphs. The first graph shows the lost interrupts. The second graph shows the time. The
 * horizontal axis of both graphs is the number of vectors. The scales are logarithmic, with 0 at
 * the bottom.
 */
export function figure(growths: readonly Growth[], note: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="12" y="22" font-size="16" font-weight="bold">Lost interrupts and time while vectors are unmasked one by one</text>
<text x="12" y="42" fill="#555">${note}</text>
${PANELS.map((panel) => drawPanel(panel, growths)).join('\n')}
</svg>
`;
}

function drawPanel({ title, left, value }: Panel, growths: readonly Growth[]): string {
  const sizes = [...new Set(growths.map(({ vectors }) => vectors))];
  const values = growths.map(value).filter((one) => one > 0);
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.ceil(Math.log10(Math.max(...values)));
  const base = HEIGHT - BOTTOM;
  const x = (vectors: number) =>
    round(left + (Math.log2(vectors) / Math.log2(Math.max(...sizes))) * (PANEL - 20));
  // The axis begins one decade below the lowest value, and the start of the axis stands for 0.
  const y = (of: number) =>
    round(of === 0 ? base : base - ((Math.log10(of) - low + 1) / (high - low + 1)) * (base - TOP));
  const decades = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i));
  const grid = [0, ...decades].map(
    (
      at,
    ) => `<line x1="${left}" x2="${left + PANEL - 20}" y1="${y(at)}" y2="${y(at)}" stroke="#ddd"/>
<text x="${left - 6}" y="${y(at) + 4}" text-anchor="end" fill="#555">${scale(at)}</text>`,
  );
  const ticks = sizes.map(
    (size) =>
      `<text x="${x(size)}" y="${base + 18}" text-anchor="middle" fill="#555">${size}</text>`,
  );
  const lines = (['incremental', 'upfront', 'dynamic'] as const).map((flow, i) => {
    const own = growths.filter((growth) => growth.flow === flow);
    const points = own.map((growth) => `${x(growth.vectors)},${y(value(growth))}`);
    return `<polyline points="${points.join(' ')}" fill="none" stroke="${COLOUR[flow]}" stroke-width="2.5" stroke-dasharray="${DASH[flow]}"/>
<text x="${left + 8 + 110 * i}" y="${HEIGHT - 12}" fill="${COLOUR[flow]}" font-weight="bold">${flow}</text>`;
  });
  return `<text x="${left}" y="${TOP - 10}" font-weight="bold">${title}</text>
${[...grid, ...ticks, ...lines].join('\n')}
<text x="${left + PANEL - 20}" y="${base + 34}" text-anchor="end" fill="#555">vectors</text>`;
}

/** Formats a number in compact notation for the margin: 0.1, 100, 10K, 1M. */
function scale(value: number): string {
  return value.toLocaleString('en', { notation: 'compact' });
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
