import type { ConfigBytes } from '../hardware/config-bytes.js';
import * as pci from '../hardware/pci.js';
import type { Profile } from '../machine/profile.js';

/** Length 0 means that vfio-pci hides the capability from the user. */
const HIDDEN = 0;

const STANDARD: ReadonlyMap<number, number> = new Map([
  [pci.PCI_CAP_ID_PM, 8],
  [pci.PCI_CAP_ID_AGP, 12],
  [pci.PCI_CAP_ID_VPD, 8],
  [pci.PCI_CAP_ID_MSIX, 12],
  [pci.PCI_CAP_ID_AF, 6],
]);

const EXTENDED: ReadonlyMap<number, number> = new Map([
  [pci.PCI_EXT_CAP_ID_ERR, pci.PCI_ERR_ROOT_COMMAND],
  [pci.PCI_EXT_CAP_ID_DSN, 12],
  [pci.PCI_EXT_CAP_ID_PWR, 16],
  [pci.PCI_EXT_CAP_ID_ARI, 8],
  [pci.PCI_EXT_CAP_ID_ATS, 8],
  [pci.PCI_EXT_CAP_ID_SRIOV, 0x40],
  [pci.PCI_EXT_CAP_ID_MCAST, 40],
  [pci.PCI_EXT_CAP_ID_PRI, 16],
  [pci.PCI_EXT_CAP_ID_LTR, 8],
]);

/**
 * Returns the length in bytes that vfio-pci uses for a standard capability (pci_cap_length,
 * vfio_cap_len()). 0 means that vfio-pci hides the capability.
 */
export function standardLength(config: ConfigBytes, at: number, profile: Profile): number {
  const id = config.get(at, 1);
  const u8 = (offset: number) => config.get(at + offset, 1);
  const u16 = (offset: number) => config.get(at + offset, 2);
  switch (id) {
    case pci.PCI_CAP_ID_MSI: {
      const wide = (u16(pci.PCI_MSI_FLAGS) & pci.PCI_MSI_FLAGS_64BIT) !== 0;
      const maskable = (u16(pci.PCI_MSI_FLAGS) & pci.PCI_MSI_FLAGS_MASKBIT) !== 0;
      return 10 + (wide ? 4 : 0) + (maskable ? 10 : 0);
    }
    case pci.PCI_CAP_ID_PCIX:
      return ((u16(pci.PCI_X_CMD) >> 12) & 3) === 0 ? 8 : 24;
    case pci.PCI_CAP_ID_HT:
      return (u8(3) & pci.HT_3BIT_CAP_MASK) === 0 ? 28 : 24;
    case pci.PCI_CAP_ID_VNDR:
      return u8(2);
    case pci.PCI_CAP_ID_EXP: {
      const flags = u16(pci.PCI_EXP_FLAGS);
      const linkless = (flags & pci.PCI_EXP_FLAGS_TYPE) === pci.PCI_EXP_TYPE_RC_END;
      if ((flags & pci.PCI_EXP_FLAGS_VERS) === 1) return linkless ? 12 : 20;
      return linkless ? 0x2c : profile.expressLength;
    }
    case pci.PCI_CAP_ID_SATA:
      return (u8(pci.PCI_SATA_REGS) & 0xf) === pci.PCI_SATA_REGS_INLINE ? 16 : 8;
    default:
      return STANDARD.get(id) ?? HIDDEN;
  }
}

/**
 * Returns the length in bytes that vfio-pci uses for an extended capability (pci_ext_cap_length,
 * vfio_ext_cap_len()). 0 means that vfio-pci hides the capability.
 */
export function extendedLength(config: ConfigBytes, at: number, profile: Profile): number {
  const id = config.get(at, 4) & 0xffff;
  const u32 = (offset: number) => config.get(at + offset, 4);
  switch (id) {
    case pci.PCI_EXT_CAP_ID_VC:
    case pci.PCI_EXT_CAP_ID_MFVC:
    case pci.PCI_EXT_CAP_ID_VC9:
      return channelsLength(u32(4), u32(8));
    case pci.PCI_EXT_CAP_ID_VNDR:
      return u32(4) >>> 20;
    case pci.PCI_EXT_CAP_ID_DVSEC:
      return profile.dvsec ? u32(4) >>> 20 : HIDDEN;
    case pci.PCI_EXT_CAP_ID_ACS: {
      const egress = (u32(4) & 0x20) !== 0;
      const bits = (u32(4) >>> 8) & 0xff;
      return egress ? 8 + (bits === 0 ? 256 : Math.ceil(bits / 32) * 32) / 8 : 8;
    }
    case pci.PCI_EXT_CAP_ID_REBAR:
      return 4 + ((u32(8) >>> 5) & 7) * 8;
    case pci.PCI_EXT_CAP_ID_DPA:
      return 16 + (u32(4) & 0x1f) + 1;
    case pci.PCI_EXT_CAP_ID_TPH: {
      const inCapability = ((u32(4) >>> 9) & 3) === 1;
      return inCapability ? 12 + ((u32(4) >>> 16) & 0x7ff) * 2 + 2 : 12;
    }
    default:
      return EXTENDED.get(id) ?? HIDDEN;
  }
}

/** Returns the length of a virtual channel capability, including the port arbitration table. */
function channelsLength(capability1: number, capability2: number): number {
  const length = 0x10 + (capability1 & 7) * 0x0c;
  const phases =
    (capability2 & 8) !== 0 ? 128 : (capability2 & 4) !== 0 ? 64 : (capability2 & 2) !== 0 ? 32 : 0;
  return phases === 0 ? length : Math.ceil(length / 16) * 16 + phases / 8;
}
