import { field, rw1c } from '../fields.js';
import { registerOf, type Register } from './register.js';

const LATENCY = { value: field(0, 9), scale: field(10, 12) };
const SUBSTATES = {
  pci_pm_l1_2: field(0),
  pci_pm_l1_1: field(1),
  aspm_l1_2: field(2),
  aspm_l1_1: field(3),
};

/**
 * Link power, latency and message registers: PCI Express Base Specification, sections 7.7.3
 * (Secondary PCI Express), 7.8.2 (LTR), 7.8.3 (L1 PM Substates), 7.9.13 (TPH), 7.9.15 (PTM), 7.9.24
 * (DOE).
 */
export const LINK = {
  'secondary_pcie.link_control_3': registerOf('secondary_pcie', 0x04, 32, {
    perform_equalization: field(0),
    equalization_request_interrupt: field(1),
  }),
  'secondary_pcie.lane_error_status': registerOf('secondary_pcie', 0x08, 32),

  'ltr.max_snoop': registerOf('ltr', 0x04, 16, LATENCY),
  'ltr.max_no_snoop': registerOf('ltr', 0x06, 16, LATENCY),

  'l1_pm_substates.capabilities': registerOf('l1_pm_substates', 0x04, 32, {
    ...SUBSTATES,
    l1_pm_substates: field(4),
    common_mode_restore_time: field(8, 15),
    power_on_scale: field(16, 17),
    power_on_value: field(19, 23),
  }),
  'l1_pm_substates.control_1': registerOf('l1_pm_substates', 0x08, 32, {
    ...SUBSTATES,
    common_mode_restore_time: field(8, 15),
    ltr_threshold_value: field(16, 25),
    ltr_threshold_scale: field(29, 31),
  }),
  'l1_pm_substates.control_2': registerOf('l1_pm_substates', 0x0c, 32, {
    power_on_scale: field(0, 1),
    power_on_value: field(3, 7),
  }),

  'tph.capabilities': registerOf('tph', 0x04, 32, {
    no_st_mode: field(0),
    interrupt_vector_mode: field(1),
    device_specific_mode: field(2),
    extended: field(8),
    st_table_location: field(9, 10),
    st_table_size: field(16, 26),
  }),
  'tph.control': registerOf('tph', 0x08, 32, { st_mode: field(0, 2), requester: field(8, 9) }),

  'ptm.capabilities': registerOf('ptm', 0x04, 32, {
    requester: field(0),
    responder: field(1),
    root: field(2),
    local_clock_granularity: field(8, 15),
  }),
  'ptm.control': registerOf('ptm', 0x08, 32, {
    enable: field(0),
    root_select: field(1),
    effective_granularity: field(8, 15),
  }),

  'doe.capabilities': registerOf('doe', 0x04, 32, {
    interrupt_support: field(0),
    interrupt_message_number: field(1, 11),
  }),
  'doe.control': registerOf('doe', 0x08, 32, {
    abort: field(0),
    interrupt_enable: field(1),
    go: field(31),
  }),
  'doe.status': registerOf('doe', 0x0c, 32, {
    busy: field(0),
    interrupt_status: rw1c(1),
    error: field(2),
    object_ready: field(31),
  }),
  'doe.write_mailbox': registerOf('doe', 0x10, 32),
  'doe.read_mailbox': registerOf('doe', 0x14, 32),
} as const satisfies Record<string, Register>;
