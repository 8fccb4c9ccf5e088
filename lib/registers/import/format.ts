import type { RegisterDefinition } from '../definition.js';
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

function formatRegister({ offset, stride, reset, fields, ...rest }: RegisterDefinition): string {
  const register = {
    offset: hex(offset),
    ...rest,
    ...(stride === undefined ? {} : { stride: hex(stride) }),
    ...(reset === undefined ? {} : { reset: hex(reset) }),
    ...(fields === undefined ? {} : { fields }),
  };
  return JSON.stringify(register, null, 1)
    .replace(/\n\s*/g, ' ')
    .replace(/\[ (\d+), (\d+) \]/g, '[$1, $2]');
}

function hex(value: number | bigint): string {
  return `0x${value.toString(16).padStart(2, '0')}`;
}
