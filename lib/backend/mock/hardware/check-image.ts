import { checkBytes, checkInstance, checkInteger, checkOptions } from '../../../checks.js';
import { walkCapabilities } from '../../../pci/capabilities.js';
import * as pci from './pci.js';
import type { ConfigImage } from './shape.js';
import { hex } from './spans.js';
import { coverageOf } from './writable.js';

/** The number of bytes of a standard capability that the mock reads. MSI has several lengths. */
const STANDARD: ReadonlyMap<number, number> = new Map([
  [pci.PCI_CAP_ID_PM, 8],
  [pci.PCI_CAP_ID_VPD, 8],
  [pci.PCI_CAP_ID_EXP, 12],
  [pci.PCI_CAP_ID_MSIX, 12],
  [pci.PCI_CAP_ID_SATA, 8],
  [pci.PCI_CAP_ID_AF, 6],
]);

/** The number of bytes of an extended capability that the mock reads. */
const EXTENDED: ReadonlyMap<number, number> = new Map([
  [pci.PCI_EXT_CAP_ID_ERR, 0x48],
  [pci.PCI_EXT_CAP_ID_VC, 12],
  [pci.PCI_EXT_CAP_ID_MFVC, 12],
  [pci.PCI_EXT_CAP_ID_VC9, 12],
  [pci.PCI_EXT_CAP_ID_VNDR, 8],
  [pci.PCI_EXT_CAP_ID_ACS, 8],
  [pci.PCI_EXT_CAP_ID_SRIOV, 0x40],
  [pci.PCI_EXT_CAP_ID_REBAR, 12],
  [pci.PCI_EXT_CAP_ID_DPA, 8],
  [pci.PCI_EXT_CAP_ID_TPH, 8],
  [pci.PCI_EXT_CAP_ID_DVSEC, 8],
]);

/**
 * Checks an image of configuration space.
 *
 * @param where - the beginning of an error message
 * @throws TypeError for a value of a wrong type; RangeError for a wrong length, and for a capability
 *   or a mask that reaches past the end
 */
export function checkImage(where: string, image: ConfigImage): void {
  checkOptions(image, ['bytes', 'writable'], `${where}: image`);
  const { bytes, writable } = image;
  checkBytes(bytes, `${where}: image`);
  const { length } = bytes;
  if (length !== pci.PCI_CFG_SPACE_SIZE && length !== pci.PCI_CFG_SPACE_EXP_SIZE) {
    throw new RangeError(`${where}: the image must be 256 or 4096 bytes, not ${length}`);
  }
  checkCapabilities(where, bytes);
  if (writable === undefined) return;
  checkInstance(writable, `${where}: image.writable`, Map);
  for (const [offset, bits] of writable) {
    checkBytes(bits, `${where}: a mask of image.writable`);
    checkInteger(offset, `${where}: an offset of image.writable`, 0, length - bits.length);
  }
}

function checkCapabilities(where: string, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (const capability of walkCapabilities(bytes)) {
    const { id, extended, offset, name } = capability;
    const isMsi = !extended && id === pci.PCI_CAP_ID_MSI;
    const least = isMsi
      ? coverageOf(capability, view).length
      : ((extended ? EXTENDED : STANDARD).get(id) ?? 0);
    const end = extended ? bytes.length : pci.PCI_CFG_SPACE_SIZE;
    if (offset + least <= end) continue;
    throw new RangeError(
      `${where}: ${name} of ${least} bytes at ${hex(offset)} in the image must end by ${hex(end)}`,
    );
  }
}
