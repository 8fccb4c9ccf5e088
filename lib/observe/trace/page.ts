import { readFileSync } from 'node:fs';
import type { Trace } from './trace.js';
import { summarize } from './trace.js';

const assets = new URL('../../../../assets/trace/', import.meta.url);

function asset(name: string): string {
  return readFileSync(new URL(name, assets), 'utf8');
}

/** JSON that stands in a script element: no tag in it can end that. */
function embedded(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}

/** One HTML file that needs nothing else. */
export function tracePage(trace: Trace): string {
  const data = { ...trace, summary: summarize(trace) };
  const parts: Readonly<Record<string, string>> = {
    style: asset('style.css'),
    data: embedded(data),
    script: asset('timeline.js'),
  };
  return asset('page.html').replace(/<!--(\w+)-->/g, (_, name: string) => parts[name] ?? '');
}
