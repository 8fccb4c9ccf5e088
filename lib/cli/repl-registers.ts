import type { RegisterWindow } from '../index.js';
import type { RegisterNames } from '../registers/named.js';

/**
 * Makes the variable `regs` of the prompt: `regs.bar0.cc` is the register `cc`. A region is mapped
 * when its registers are first used.
 *
 * @param windowOf - returns the window of a region, or undefined if the region cannot be mapped
 */
export async function replRegisters(
  names: RegisterNames,
  windowOf: (region: string) => RegisterWindow | undefined,
): Promise<object> {
  const { createMap } = await import('../registers/map.js');
  const regs = {};
  for (const region of names.regions) {
    let accessors: object | undefined;
    const get = () => {
      const window = accessors === undefined ? windowOf(region) : undefined;
      if (window !== undefined) accessors = createMap(region, names.layouts(region)).on(window);
      return accessors;
    };
    Object.defineProperty(regs, region, { get, enumerable: true });
  }
  return regs;
}
