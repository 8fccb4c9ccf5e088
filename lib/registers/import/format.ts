import { definesBlock } from '../block.js';
import type { BlockDefinition, RegisterDefinition } from '../definition.js';
import { fileEntry } from '../file-entry.js';
import type { Imported } from './draft.js';

const SCHEMA = './node_modules/vfio/assets/registers.schema.json';

/** Formats registers as a register file, with one line for each register. */
export function formatRegisters({ region, registers }: Imported): string {
  return `{
  "$schema": ${JSON.stringify(SCHEMA)},
  "regions": {
    ${JSON.stringify(region)}: {
${formatEntries(registers, '      ')}
    }
  }
}
`;
}

function formatEntries(
  entries: Iterable<readonly [string, RegisterDefinition | BlockDefinition]>,
  indent: string,
): string {
  return Array.from(entries, ([name, definition]) => {
    const text = definesBlock(definition)
      ? formatBlock(definition, indent)
      : formatLine(fileEntry(definition));
    return `${indent}${JSON.stringify(name)}: ${text}`;
  }).join(',\n');
}

function formatBlock({ registers, ...block }: BlockDefinition, indent: string): string {
  const inner = formatEntries(Object.entries(registers), `${indent}  `);
  const head = formatLine(fileEntry({ ...block, registers: {} })).slice(0, -'{} }'.length);
  return `${head}{\n${inner}\n${indent}} }`;
}

function formatLine(entry: object): string {
  return JSON.stringify(entry, null, 1)
    .replace(/\n\s*/g, ' ')
    .replace(/\[ (\d+), (\d+) \]/g, '[$1, $2]');
}
