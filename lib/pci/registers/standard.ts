import { isSet } from '../bytes.js';
import { field, rw1c } from '../fields.js';
import { registerOf, type Register } from './register.js';

/**
 * Returns the offset of an MSI register that follows the message address. If the function supports
 * 64-bit addresses, the offset is 4 bytes higher.
 */
const afterAddress = (offset: number) => (control: number) => offset + (isSet(control, 7) ? 4 : 0);

/**
 * Returns the offset of an MSI register that exists only if the function supports per-vector
 * masking.
 */
const maskable = (offset: number) => (control: number) =>
  isSet(control, 8) ? afterAddress(offset)(control) : null;

/**
 * Power management, MSI and MSI-X: PCI Express Base Specification, sections 7.5.2, 7.7.1 and 7.7.2.
 */
export const STANDARD = {
  'pm.capabilities': registerOf('pm', 0x02, 16, {
    version: field(0, 2),
    pme_clock: field(3),
    immediate_readiness: field(4),
    device_specific_initialization: field(5),
    aux_current: field(6, 8),
    d1: field(9),
    d2: field(10),
    pme_support: field(11, 15),
  }),
  'pm.control_status': registerOf('pm', 0x04, 16, {
    power_state: field(0, 1),
    no_soft_reset: field(3),
    pme_enable: field(8),
    data_select: field(9, 12),
    data_scale: field(13, 14),
    pme_status: rw1c(15),
  }),
  'pm.data': registerOf('pm', 0x07, 8),

  'msi.control': registerOf('msi', 0x02, 16, {
    enable: field(0),
    multiple_message_capable: field(1, 3),
    multiple_message_enable: field(4, 6),
    address_64: field(7),
    per_vector_masking: field(8),
    extended_data_capable: field(9),
    extended_data_enable: field(10),
  }),
  'msi.address': registerOf('msi', 0x04, 32),
  'msi.address_high': registerOf('msi', (control) => (isSet(control, 7) ? 0x08 : null), 32),
  'msi.data': registerOf('msi', afterAddress(0x08), 16),
  'msi.mask': registerOf('msi', maskable(0x0c), 32),
  'msi.pending': registerOf('msi', maskable(0x10), 32),

  'msix.control': registerOf('msix', 0x02, 16, {
    table_size: field(0, 10),
    function_mask: field(14),
    enable: field(15),
  }),
  'msix.table': registerOf('msix', 0x04, 32, { bir: field(0, 2), offset: field(3, 31) }),
  'msix.pba': registerOf('msix', 0x08, 32, { bir: field(0, 2), offset: field(3, 31) }),
} as const satisfies Record<string, Register>;
