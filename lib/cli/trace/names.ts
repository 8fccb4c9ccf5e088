import { regionName } from '../../contract/uapi.js';
import type { AccessNames } from '../../observe/trace/index.js';
import { loadRegisters } from '../register-file.js';

/** A value as a trace shows it: `5`, `0x1c`, or the same with the `n` of a bigint. */
const VALUE = /^(\d+|0x[\da-f]+)n?$/;

/**
 * Names registers by a register file and by the definitions of the traced program. The names of the
 * file take precedence over the names of the program.
 */
export async function namesOf(path: string | undefined): Promise<AccessNames> {
  const { AccessDescriber } = await import('../../registers/describer.js');
  const { WindowDescriber } = await import('../../registers/window-describer.js');
  const names = await loadRegisters(path);
  const file = names === null ? null : new AccessDescriber(names);
  const program = new WindowDescriber();
  return {
    name(device, { region, offset, width, isWrite, value }) {
      const [, digits] = VALUE.exec(value ?? '') ?? [];
      if (width === null || digits === undefined) return null;
      const place = { device, region: regionName(region), offset, width };
      const use = { ...place, isWrite, value: BigInt(digits) };
      return file?.describe(use) ?? program.describe(use);
    },
    define({ device, region, offset, registers }) {
      try {
        program.define({ device, region: regionName(region), offset, registers });
      } catch {
        // Another version of the library wrote the trace. The accesses have no names then.
      }
    },
  };
}
