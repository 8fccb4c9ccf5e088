import { checkObject } from '../../checks.js';
import type { Draft, DraftRegister } from './draft.js';
import { integerOf } from './integer.js';

/** The file that LiteX writes with `--csr-json`. Numbers can also be texts with hex digits. */
interface CsrFile {
  readonly csr_bases?: Readonly<Record<string, unknown>>;
  readonly csr_registers: Readonly<
    Record<string, { readonly addr?: unknown; readonly size?: unknown; readonly type?: unknown }>
  >;
  readonly constants?: Readonly<Record<string, unknown>>;
  readonly memories?: Readonly<Record<string, { readonly base?: unknown }>>;
}

/** Whether a JSON file comes from LiteX. */
export function isLitex(file: object): file is CsrFile {
  return 'csr_registers' in file;
}

/**
 * Reads the CSR JSON of LiteX. A CSR of several words becomes an array of words. LiteX puts the most
 * significant word first, unless the SoC selects `csr_ordering="little"`.
 */
export function readLitex(file: CsrFile): Draft {
  const { csr_registers: list, csr_bases: bases = {}, constants = {}, memories = {} } = file;
  checkObject(list, 'csr_registers');
  const bits = integerOf(constants.config_csr_alignment ?? 32, 'constants.config_csr_alignment');
  const registers = Object.entries(list).map(([name, csr]): DraftRegister => {
    const what = `csr_registers.${name}`;
    checkObject(csr, what);
    const words = integerOf(csr.size ?? 1, `${what}.size`);
    return {
      path: [name],
      address: integerOf(csr.addr, `${what}.addr`),
      bits,
      access: csr.type === 'ro' ? 'ro' : 'rw',
      fields: [],
      ...(words > 1 ? { count: words } : {}),
    };
  });
  const starts = Object.entries(bases).map(([name, base]) => integerOf(base, `csr_bases.${name}`));
  const lowest = Math.min(...starts, ...registers.map(({ address }) => address));
  const { csr } = memories;
  const base = csr?.base === undefined ? lowest : integerOf(csr.base, 'memories.csr.base');
  return { base, entries: registers, warnings: [] };
}
