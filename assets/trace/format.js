// Formats times and numbers of the page of `vfio trace`.

const UNITS = [
  [1e9, 's'],
  [1e6, 'ms'],
  [1e3, 'µs'],
  [1, 'ns'],
];

/** Formats nanoseconds with a unit. */
export function formatDuration(ns) {
  const size = Math.abs(ns);
  if (size < 1e3) return `${Math.round(ns)} ns`;
  if (size < 1e6) return `${(ns / 1e3).toFixed(size < 1e4 ? 2 : 1)} µs`;
  if (size < 1e9) return `${(ns / 1e6).toFixed(size < 1e7 ? 3 : 2)} ms`;
  return `${(ns / 1e9).toFixed(3)} s`;
}

/** Formats a time since the start of the trace, as `vfio trace --log` does. */
export const formatTime = (ns) => `${(ns / 1e9).toFixed(6)} s`;

export const formatCount = (count) => count.toLocaleString('en');

/**
 * Returns a function that formats times up to `until` nanoseconds. All results have the same unit,
 * and times that differ by `step` have different texts.
 */
export function timeFormat(step, until) {
  const [size, unit] = UNITS.find(([size]) => until >= size) ?? UNITS.at(-1);
  const digits = Math.max(0, Math.ceil(Math.log10(size) - Math.log10(step) - 1e-9));
  return (ns) => `${(ns / size).toFixed(digits)} ${unit}`;
}

/** Returns the smallest of 1, 2, 5, 10, 20 … nanoseconds that is not below `rough`. */
export function roundStep(rough) {
  const power = 10 ** Math.floor(Math.log10(Math.max(rough, 1)));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
}
