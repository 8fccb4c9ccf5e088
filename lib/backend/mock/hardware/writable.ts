import type { Capability } from '../../../pci/index.js';
import { plainLength } from './plain-capabilities.js';
import * as pci from './pci.js';

/** Writable bits of a register. */
export interface WritableBits {
  readonly offset: number;
  readonly width: 1 | 2 | 4;
  readonly bits: number;
  /** If true, writing 1 to a bit clears the bit. */
  readonly clears?: true;
}

/** Length of a capability, and the writable bits of the capability. */
export interface Coverage {
  /** Bytes. */
  readonly length: number;
  /** Writable bits. Offsets count from the start of the capability. */
  readonly writable: readonly WritableBits[];
}

const UNCORRECTABLE = 0x03ff_f030;
const CORRECTABLE = 0xf1c1;

/** Returns the length and the writable bits of a capability, as in QEMU's devices. */
export function coverageOf({ id, extended, offset }: Capability, view: DataView): Coverage {
  const u16 = (at: number) => view.getUint16(offset + at, true);
  if (extended) {
    if (id === pci.PCI_EXT_CAP_ID_ERR) return ERRORS;
    if (id === pci.PCI_EXT_CAP_ID_PWR) {
      return { length: 16, writable: [{ offset: 4, width: 1, bits: 0xff }] };
    }
    return { length: plainLength(id, true) ?? 4, writable: [] };
  }
  switch (id) {
    case pci.PCI_CAP_ID_PM:
      return {
        length: 8,
        writable: [{ offset: pci.PCI_PM_CTRL, width: 2, bits: pci.PCI_PM_CTRL_STATE_MASK }],
      };
    case pci.PCI_CAP_ID_MSI:
      return msi(u16(pci.PCI_MSI_FLAGS));
    case pci.PCI_CAP_ID_MSIX: {
      const bits = pci.PCI_MSIX_FLAGS_ENABLE | pci.PCI_MSIX_FLAGS_MASKALL;
      return { length: 12, writable: [{ offset: pci.PCI_MSIX_FLAGS, width: 2, bits }] };
    }
    case pci.PCI_CAP_ID_EXP:
      if ((u16(pci.PCI_EXP_FLAGS) & pci.PCI_EXP_FLAGS_VERS) === 1) {
        return { length: 0x14, writable: [] };
      }
      return {
        length: 0x3c,
        writable: [{ offset: pci.PCI_EXP_DEVCTL2, width: 2, bits: pci.PCI_EXP_DEVCTL2_EETLPPB }],
      };
    case pci.PCI_CAP_ID_VPD:
      return { length: 8, writable: [] };
    case pci.PCI_CAP_ID_AF:
      return { length: 6, writable: [] };
    case pci.PCI_CAP_ID_PCIX:
      return { length: 8, writable: [{ offset: pci.PCI_X_CMD, width: 2, bits: 0x7f }] };
    case pci.PCI_CAP_ID_VNDR: {
      const length = view.getUint8(offset + 2);
      const body = Array.from({ length: Math.max(length - 3, 0) }, (_, i) => i + 3);
      return {
        length,
        writable: body.map((at) => ({ offset: at, width: 1, bits: 0xff })),
      };
    }
    default:
      return { length: plainLength(id, false) ?? 2, writable: [] };
  }
}

function msi(control: number): Coverage {
  const wide = (control & pci.PCI_MSI_FLAGS_64BIT) !== 0;
  const maskable = (control & pci.PCI_MSI_FLAGS_MASKBIT) !== 0;
  const vectors = 1 << ((control & pci.PCI_MSI_FLAGS_QMASK) >> 1);
  const writable: WritableBits[] = [
    {
      offset: pci.PCI_MSI_FLAGS,
      width: 2,
      bits: pci.PCI_MSI_FLAGS_ENABLE | pci.PCI_MSI_FLAGS_QSIZE,
    },
    { offset: pci.PCI_MSI_ADDRESS_LO, width: 4, bits: ~3 },
    { offset: wide ? pci.PCI_MSI_DATA_64 : pci.PCI_MSI_DATA_32, width: 2, bits: 0xffff },
  ];
  if (wide) writable.push({ offset: pci.PCI_MSI_ADDRESS_HI, width: 4, bits: ~0 });
  if (maskable) {
    const bits = vectors === 32 ? ~0 : (1 << vectors) - 1;
    const offset = wide ? pci.PCI_MSI_MASK_64 : pci.PCI_MSI_MASK_32;
    writable.push({ offset, width: 4, bits });
  }
  return { length: 10 + (wide ? 4 : 0) + (maskable ? 10 : 0), writable };
}

const ERRORS: Coverage = {
  length: 0x48,
  writable: [
    { offset: pci.PCI_ERR_UNCOR_STATUS, width: 4, bits: UNCORRECTABLE, clears: true },
    { offset: pci.PCI_ERR_UNCOR_MASK, width: 4, bits: UNCORRECTABLE },
    { offset: pci.PCI_ERR_UNCOR_SEVER, width: 4, bits: UNCORRECTABLE },
    { offset: pci.PCI_ERR_COR_STATUS, width: 4, bits: CORRECTABLE, clears: true },
    { offset: pci.PCI_ERR_COR_MASK, width: 4, bits: CORRECTABLE },
    {
      offset: pci.PCI_ERR_CAP,
      width: 4,
      bits: pci.PCI_ERR_CAP_ECRC_GENE | pci.PCI_ERR_CAP_ECRC_CHKE,
    },
  ],
};
