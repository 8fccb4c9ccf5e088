import { regionName } from '../../contract/uapi.js';
import type { NameAccess } from '../../observe/trace/index.js';
import { loadRegisters } from '../register-file.js';

/** A value as a trace shows it: `5`, `0x1c`, or the same with the `n` of a bigint. */
const VALUE = /^(\d+|0x[\da-f]+)n?$/;

/** Makes the function that names registers by a register file. Returns undefined without a file. */
export async function nameAccesses(path: string | undefined): Promise<NameAccess | undefined> {
  const names = await loadRegisters(path);
  if (names === null) return undefined;
  const { AccessDescriber } = await import('../../registers/describer.js');
  const describer = new AccessDescriber(names);
  return (device, { region, offset, width, isWrite, value }) => {
    const [, digits] = VALUE.exec(value ?? '') ?? [];
    if (width === null || digits === undefined) return null;
    const place = { device, region: regionName(region), offset, width };
    return describer.describe({ ...place, isWrite, value: BigInt(digits) });
  };
}
