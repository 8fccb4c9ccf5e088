import { readFileSync } from 'node:fs';
import { packageFile } from '../../package-files.js';
import { describeGaps, summarize, type Trace } from './trace.js';

function readAsset(name: string): string {
  return readFileSync(packageFile(`assets/trace/${name}`), 'utf8');
}

/** The modules of the page. A module imports only modules that are listed before it. */
const MODULES = ['format', 'rows', 'view', 'draw', 'tip', 'input', 'report', 'timeline'];

/** Returns the modules of the page as one module, because the page loads no other file. */
function readScript(): string {
  const modules = MODULES.map((name) => readAsset(`${name}.js`)).join('\n');
  return modules.replaceAll(/^import [^;]*;\n|^export (?=const|function|class)/gm, '');
}

/** The properties of a call that the page does not show. */
const HIDDEN = new Set(['method', 'args', 'result', 'where']);

/**
 * Returns the JSON text of a value in parts, because one string cannot hold a large trace. The text
 * is safe inside an HTML script element: `<` is escaped, so no tag in the data can end the element.
 */
function* embeddedJson(value: object): Generator<string> {
  const isArray = Array.isArray(value);
  const entries = Object.entries(value) as [string, unknown][];
  if (!entries.some(([, element]) => typeof element === 'object' && element !== null)) {
    const shown = (key: string, element: unknown) => (HIDDEN.has(key) ? undefined : element);
    yield JSON.stringify(value, shown).replaceAll('<', '\\u003c');
    return;
  }
  let separator = isArray ? '[' : '{';
  for (const [name, element] of entries) {
    yield isArray ? separator : `${separator}${JSON.stringify(name)}:`;
    if (typeof element === 'object' && element !== null) yield* embeddedJson(element);
    else yield JSON.stringify(element).replaceAll('<', '\\u003c');
    separator = ',';
  }
  yield isArray ? ']' : '}';
}

/** Writes the trace as one HTML file without external resources. */
export function writeTracePage(trace: Trace, write: (text: string) => void): void {
  const data = { ...trace, summary: summarize(trace), notes: describeGaps(trace) };
  for (const part of readAsset('page.html').split(/(<!--\w+-->)/)) {
    if (part === '<!--style-->') write(readAsset('style.css'));
    else if (part === '<!--script-->') write(readScript());
    else if (part === '<!--data-->') for (const text of embeddedJson(data)) write(text);
    else write(part);
  }
}
