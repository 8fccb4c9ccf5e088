import { readFileSync } from 'node:fs';
import type { Trace } from './trace.js';
import { summarize } from './trace.js';

const assets = new URL('../../../../assets/trace/', import.meta.url);

function readAsset(name: string): string {
  return readFileSync(new URL(name, assets), 'utf8');
}

/**
 * Returns JSON that is safe inside an HTML script element. `<` is escaped, so no tag in the data
 * can end the script element.
 */
function embeddedJson(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}

/** Returns the trace as one HTML file without external resources. */
export function tracePage(trace: Trace): string {
  const data = { ...trace, summary: summarize(trace) };
  const parts: Readonly<Record<string, string>> = {
    style: readAsset('style.css'),
    data: embeddedJson(data),
    script: readAsset('timeline.js'),
  };
  return readAsset('page.html').replace(/<!--(\w+)-->/g, (_, name: string) => parts[name] ?? '');
}
