import { type Field, field, rw1c } from '../fields.js';
import { registerOf, type Register } from './register.js';

/**
 * Errors. Each error has the same bit in the status register, the mask register and the severity
 * register.
 */
const uncorrectable = (bit: (at: number) => Field) => ({
  data_link_protocol: bit(4),
  surprise_down: bit(5),
  poisoned_tlp: bit(12),
  flow_control_protocol: bit(13),
  completion_timeout: bit(14),
  completer_abort: bit(15),
  unexpected_completion: bit(16),
  receiver_overflow: bit(17),
  malformed_tlp: bit(18),
  ecrc: bit(19),
  unsupported_request: bit(20),
  acs_violation: bit(21),
  uncorrectable_internal: bit(22),
  mc_blocked_tlp: bit(23),
  atomic_op_egress_blocked: bit(24),
  tlp_prefix_blocked: bit(25),
  poisoned_tlp_egress_blocked: bit(26),
  dmwr_request_egress_blocked: bit(27),
  ide_check_failed: bit(28),
  misrouted_ide_tlp: bit(29),
  pcrc_check_failed: bit(30),
  tlp_translation_egress_blocked: bit(31),
});

const correctable = (bit: (at: number) => Field) => ({
  receiver: bit(0),
  bad_tlp: bit(6),
  bad_dllp: bit(7),
  replay_num_rollover: bit(8),
  replay_timer_timeout: bit(12),
  advisory_non_fatal: bit(13),
  corrected_internal: bit(14),
  header_log_overflow: bit(15),
});

/** Advanced Error Reporting: PCI Express Base Specification, section 7.8.4. */
export const ERRORS = {
  'aer.uncorrectable_status': registerOf('aer', 0x04, 32, uncorrectable(rw1c)),
  'aer.uncorrectable_mask': registerOf('aer', 0x08, 32, uncorrectable(field)),
  'aer.uncorrectable_severity': registerOf('aer', 0x0c, 32, uncorrectable(field)),
  'aer.correctable_status': registerOf('aer', 0x10, 32, correctable(rw1c)),
  'aer.correctable_mask': registerOf('aer', 0x14, 32, correctable(field)),
  'aer.control': registerOf('aer', 0x18, 32, {
    first_error_pointer: field(0, 4),
    ecrc_generation_capable: field(5),
    ecrc_generation: field(6),
    ecrc_check_capable: field(7),
    ecrc_check: field(8),
    multiple_header_capable: field(9),
    multiple_header: field(10),
    tlp_prefix_log: field(11),
    completion_timeout_log: field(12),
    logged_tlp_was_flit_mode: field(18),
    logged_tlp_size: field(19, 23),
  }),
  'aer.header_log_0': registerOf('aer', 0x1c, 32),
  'aer.header_log_1': registerOf('aer', 0x20, 32),
  'aer.header_log_2': registerOf('aer', 0x24, 32),
  'aer.header_log_3': registerOf('aer', 0x28, 32),
} as const satisfies Record<string, Register>;
