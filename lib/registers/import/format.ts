import type { RegisterDefinition } from '../definition.js';
import { fileEntry } from '../file-entry.js';
import type { Imported } from './draft.js';

const SCHEMA = './node_modules/vfio/assets/registers.schema.json';

/** Formats registers as a register file, with one line for each register. */
export function formatRegisters({ region, registers }: Imported): string {
  const lines = [...registers].map(
    ([name, definition]) => `      ${JSON.stringify(name)}: ${formatRegister(definition)}`,
  );
  return `{
  "$schema": ${JSON.stringify(SCHEMA)},
  "regions": {
    ${JSON.stringify(region)}: {
${lines.join(',\n')}
    }
  }
}
`;
}

function formatRegister(definition: RegisterDefinition): string {
  return JSON.stringify(fileEntry(definition), null, 1)
    .replace(/\n\s*/g, ' ')
    .replace(/\[ (\d+), (\d+) \]/g, '[$1, $2]');
}
