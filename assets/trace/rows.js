// The rows of the page of `vfio trace`.

import { formatCount, formatDuration } from './format.js';

/**
 * Returns the rows of all threads. Each row has bars { from, to, colour, text }, sorted by `from`.
 * All times are relative to the start of the trace.
 */
export function buildRows({ threads, start }) {
  const rows = threads.flatMap((thread) => buildThread(thread, threads.length > 1));
  for (const row of rows) {
    for (const item of row.items) {
      item.from -= start;
      item.to -= start;
    }
    row.backs = row.backs.map(([from, to]) => [from - start, to - start]);
    // `row.until` contains, for each bar, the latest end of the bar and of all earlier bars. These
    // ends are sorted, as findFirstBar() requires.
    let until = -Infinity;
    row.until = row.items.map(({ to }) => (until = Math.max(until, to)));
  }
  return rows;
}

function buildThread(thread, several) {
  const prefix = several ? `${thread.pid}.${thread.thread} ` : '';
  const calls = thread.rows.map(({ device, hasRegisters, calls }) => ({
    device,
    name: `${prefix}${device} ${hasRegisters ? 'registers' : 'calls'}`,
    items: calls.map((call) => buildCall(call, hasRegisters)),
    backs: [],
  }));
  const vectors = thread.vectors.map((vector) => buildVectorRow(vector, prefix));
  const devices = [...new Set([...calls, ...vectors].map(({ device }) => device))];
  return devices.flatMap((device) => [...calls, ...vectors].filter((row) => row.device === device));
}

function buildCall(call, hasRegisters) {
  const { at, end, text, error, count, isMixed } = call;
  const times = count > 1 && !isMixed ? ` ×${formatCount(count)}` : '';
  return {
    from: at,
    to: end,
    colour: error === null ? (hasRegisters ? 'register' : 'call') : 'lost',
    text: [
      ...(isMixed ? [`${formatCount(count)} calls, of which the first is`] : []),
      `${text}${times}`,
      ...(error === null ? [] : [isMixed ? `a call failed: ${error}` : error]),
      formatDuration(end - at),
    ].join('\n'),
  };
}

function buildVectorRow(vector, prefix) {
  const items = vector.interrupts.flatMap(buildInterrupt);
  for (const type of ['mask', 'unmask']) {
    for (const { at, end, count } of vector[`${type}s`]) {
      const text = count > 1 ? `${type} ×${formatCount(count)}` : type;
      items.push({ from: at, to: end, colour: 'text', text });
    }
  }
  return {
    device: vector.device,
    name: `${prefix}${vector.device} ${vector.irq} ${vector.vector}`,
    items: items.sort((a, b) => a.from - b.from),
    backs: vector.bound.map(({ at, end }) => [at, end]),
  };
}

function buildInterrupt({ at, end, delivered, count, entries, waited, state }) {
  const several = entries > 1;
  const text = [
    state === 'lost'
      ? `${formatCount(count)} lost: the vector was released before the delivery`
      : `${formatCount(count)} delivered${state === 'late' ? ' late' : ''}` +
        (several ? ` in ${formatCount(entries)} deliveries` : ''),
    ...(waited === null ? [] : [`waited ${several ? 'up to ' : ''}${formatDuration(waited)}`]),
    ...(delivered === null || several
      ? []
      : [`time in listeners ${formatDuration(end - delivered)}`]),
  ].join('\n');
  const mark = state === 'delivered' ? undefined : state;
  const [from, to] = [at, delivered ?? end];
  const pending = { from, to, colour: 'pending', mark, count, text };
  if (delivered === null) return [pending];
  return [pending, { from: to, to: end, colour: 'listeners', text }];
}

/** Finds the first bar of a row that can end after `time`. */
export function findFirstBar(row, time) {
  let [low, high] = [0, row.until.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (row.until[middle] < time) low = middle + 1;
    else high = middle;
  }
  return low;
}
