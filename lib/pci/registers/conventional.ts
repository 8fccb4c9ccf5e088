import { field, rw1c } from '../fields.js';
import { registerOf, type Register } from './register.js';

/**
 * Registers of the capabilities AGP (AGP V3.0 Interface Specification), PCI-X (PCI-X Protocol
 * Addendum to the PCI Local Bus Specification, section 7.2) and Advanced Features (Advanced
 * Capabilities for Conventional PCI).
 */
export const CONVENTIONAL = {
  'agp.status': registerOf('agp', 0x04, 32, {
    rates: field(0, 2),
    agp_3: field(3),
    fast_write: field(4),
    over_4gb: field(5),
    host_translation: field(6),
    gart_64: field(7),
    coherent: field(8),
    sideband_addressing: field(9),
    calibration_cycle: field(10, 12),
    async_request_size: field(13, 15),
    isochronous: field(16),
    request_queue: field(24, 31),
  }),
  'agp.command': registerOf('agp', 0x08, 32, {
    rates: field(0, 2),
    fast_write: field(4),
    over_4gb: field(5),
    gart_64: field(7),
    enable: field(8),
    sideband_addressing: field(9),
    calibration_cycle: field(10, 12),
    async_request_size: field(13, 15),
    request_queue: field(24, 31),
  }),

  'pcix.command': registerOf('pcix', 0x02, 16, {
    data_parity_error_recovery: field(0),
    relaxed_ordering: field(1),
    max_read_byte_count: field(2, 3),
    max_outstanding: field(4, 6),
  }),
  'pcix.status': registerOf('pcix', 0x04, 32, {
    function: field(0, 2),
    device: field(3, 7),
    bus: field(8, 15),
    device_64bit: field(16),
    capable_133mhz: field(17),
    split_completion_discarded: rw1c(18),
    unexpected_split_completion: rw1c(19),
    bridge: field(20),
    designed_max_read_byte_count: field(21, 22),
    designed_max_outstanding: field(23, 25),
    designed_max_cumulative_read_size: field(26, 28),
    received_split_completion_error: rw1c(29),
    capable_266mhz: field(30),
    capable_533mhz: field(31),
  }),

  'af.capabilities': registerOf('af', 0x03, 8, { transactions_pending: field(0), flr: field(1) }),
  'af.control': registerOf('af', 0x04, 8, { initiate_flr: field(0) }),
  'af.status': registerOf('af', 0x05, 8, { transactions_pending: field(0) }),
} as const satisfies Record<string, Register>;
