import type { CapabilityShape, ExpressCapability, MsiCapability, MsixCapability } from './shape.js';
import { isPlain, PLAIN } from './plain-capabilities.js';
import * as pci from './pci.js';

/** The bytes of a capability in configuration space. */
export interface Encoded {
  readonly id: number;
  readonly extended: boolean;
  /** All bytes of the capability. The id and the link are 0, because their values are set later. */
  readonly bytes: Uint8Array;
}

/** Reset values of AER: severities of uncorrectable errors, and the mask of correctable errors. */
const SEVERITY_DEFAULT = 0x0046_2030;
const COR_MASK_DEFAULT = 0xe000;

/** Encodes a declared capability with its reset values. */
export function encodeCapability(shape: CapabilityShape): Encoded {
  if (isPlain(shape)) {
    const { id, extended, length } = PLAIN[shape.name];
    const header = extended ? 4 : 2;
    const body = shape.bytes ?? new Uint8Array(length - header);
    return {
      id,
      extended,
      bytes: filled(header + body.length, (_, bytes) => {
        bytes.set(body, header);
      }),
    };
  }
  const standard = (id: number, bytes: Uint8Array) => ({ id, extended: false, bytes });
  const extended = (id: number, bytes: Uint8Array) => ({ id, extended: true, bytes });
  switch (shape.name) {
    case 'pm':
      return standard(
        pci.PCI_CAP_ID_PM,
        filled(8, (view) => {
          view.setUint16(pci.PCI_PM_PMC, 3, true);
          view.setUint16(pci.PCI_PM_CTRL, pci.PCI_PM_CTRL_NO_SOFT_RESET, true);
        }),
      );
    case 'msi':
      return standard(pci.PCI_CAP_ID_MSI, encodeMsi(shape));
    case 'msix':
      return standard(pci.PCI_CAP_ID_MSIX, encodeMsix(shape));
    case 'pcie':
      return standard(pci.PCI_CAP_ID_EXP, encodeExpress(shape));
    case 'af':
      return standard(
        pci.PCI_CAP_ID_AF,
        filled(6, (_, bytes) => {
          bytes.set([6, pci.PCI_AF_CAP_TP | pci.PCI_AF_CAP_FLR], 2);
        }),
      );
    case 'vpd':
      return standard(pci.PCI_CAP_ID_VPD, new Uint8Array(8));
    case 'vendor_specific': {
      const length = 3 + shape.bytes.length;
      return standard(
        pci.PCI_CAP_ID_VNDR,
        filled(length, (_, bytes) => {
          bytes.set([length, ...shape.bytes], 2);
        }),
      );
    }
    case 'aer':
      return extended(
        pci.PCI_EXT_CAP_ID_ERR,
        filled(0x48, (view) => {
          view.setUint32(pci.PCI_ERR_UNCOR_SEVER, SEVERITY_DEFAULT, true);
          view.setUint32(pci.PCI_ERR_COR_MASK, COR_MASK_DEFAULT, true);
          const control = pci.PCI_ERR_CAP_ECRC_GENC | pci.PCI_ERR_CAP_ECRC_CHKC;
          view.setUint32(pci.PCI_ERR_CAP, control, true);
        }),
      );
    case 'serial_number':
      return extended(
        pci.PCI_EXT_CAP_ID_DSN,
        filled(12, (view) => {
          view.setBigUint64(4, shape.value, true);
        }),
      );
    case 'vsec':
      return extended(pci.PCI_EXT_CAP_ID_VNDR, encodeVendor(shape, shape.id, 8));
    case 'dvsec': {
      const bytes = encodeVendor(shape, shape.vendor, 10);
      bytes.set([shape.id & 0xff, shape.id >>> 8], 8);
      return extended(pci.PCI_EXT_CAP_ID_DVSEC, bytes);
    }
  }
}

function filled(length: number, fill: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const bytes = new Uint8Array(length);
  fill(new DataView(bytes.buffer), bytes);
  return bytes;
}

function encodeMsi({ vectors, bits = 64, maskable = false }: MsiCapability): Uint8Array {
  const length = 10 + (bits === 64 ? 4 : 0) + (maskable ? 10 : 0);
  return filled(length, (view) => {
    const control =
      (Math.log2(vectors) << 1) |
      (bits === 64 ? pci.PCI_MSI_FLAGS_64BIT : 0) |
      (maskable ? pci.PCI_MSI_FLAGS_MASKBIT : 0);
    view.setUint16(pci.PCI_MSI_FLAGS, control, true);
  });
}

function encodeMsix({ vectors, table, pba }: MsixCapability): Uint8Array {
  return filled(12, (view) => {
    view.setUint16(pci.PCI_MSIX_FLAGS, vectors - 1, true);
    view.setUint32(pci.PCI_MSIX_TABLE, table.offset | table.bar, true);
    view.setUint32(pci.PCI_MSIX_PBA, pba.offset | pba.bar, true);
  });
}

/**
 * Encodes the PCI Express capability of an endpoint. The link has one lane at 2.5 GT/s, as for a
 * QEMU device behind a root port.
 */
function encodeExpress({ version = 2, flr = true }: ExpressCapability): Uint8Array {
  return filled(version === 1 ? 0x14 : 0x3c, (view) => {
    view.setUint16(pci.PCI_EXP_FLAGS, version, true);
    const reset = flr ? pci.PCI_EXP_DEVCAP_FLR : 0;
    view.setUint32(pci.PCI_EXP_DEVCAP, pci.PCI_EXP_DEVCAP_RBER | reset, true);
    view.setUint32(pci.PCI_EXP_LNKCAP, 0x411, true);
    view.setUint16(pci.PCI_EXP_LNKSTA, 0x11, true);
    if (version === 2) view.setUint32(pci.PCI_EXP_DEVCAP2, 0x0030_0000, true);
  });
}

/** Encodes a vendor's extended capability: number, revision and length, then the body. */
function encodeVendor(
  { revision = 0, bytes: body }: { revision?: number | undefined; bytes: Uint8Array },
  number: number,
  header: number,
): Uint8Array {
  const length = header + body.length;
  return filled(length, (view, bytes) => {
    view.setUint32(4, (number | (revision << 16) | (length << 20)) >>> 0, true);
    bytes.set(body, header);
  });
}
