import { bits, isSet } from './bytes.js';
import { field, type Fields, rw1c } from './fields.js';

/** A register that is known by name. */
export interface Register<F extends Fields = Fields> {
  /** The capability it belongs to, or null for the header. */
  readonly capability: string | null;
  /**
   * Bytes from the start of its capability (or of configuration space). Where the layout varies,
   * the word at offset 2 of the capability tells it; null if the device has no such register.
   */
  readonly offset: number | ((control: number) => number | null);
  /** Bits. */
  readonly width: 8 | 16 | 32;
  readonly fields: F;
}

const NONE = {};

function header<F extends Fields = typeof NONE>(
  offset: number,
  width: 8 | 16 | 32,
  fields?: F,
): Register<F> {
  return { capability: null, offset, width, fields: fields ?? (NONE as F) };
}

function of<F extends Fields = typeof NONE>(
  capability: string,
  offset: Register['offset'],
  width: 8 | 16 | 32,
  fields?: F,
): Register<F> {
  return { capability, offset, width, fields: fields ?? (NONE as F) };
}

/** MSI: what follows the low address moves up by 4 where addresses have 64 bits. */
const afterAddress = (offset: number) => (control: number) => offset + (isSet(control, 7) ? 4 : 0);

/** MSI: only with per-vector masking. */
const maskable = (offset: number) => (control: number) =>
  isSet(control, 8) ? afterAddress(offset)(control) : null;

/** PCIe: integrated endpoints and event collectors of a root complex have no link. */
const hasLink = (control: number) => bits(control, 4, 7) !== 0x9 && bits(control, 4, 7) !== 0xa;

const hasVersion2 = (control: number) => bits(control, 0, 3) >= 2;

const ofLink = (offset: number) => (control: number) => (hasLink(control) ? offset : null);

const ofVersion2 = (offset: number) => (control: number) => (hasVersion2(control) ? offset : null);

const ofLink2 = (offset: number) => (control: number) =>
  hasVersion2(control) && hasLink(control) ? offset : null;

/**
 * Registers by name, with their fields spelled as in the specifications: PCI Express Base
 * Specification 7.5.1 (header), 7.5.2 (power management), 7.5.3 (PCI Express), 7.7.1 (MSI) and
 * 7.7.2 (MSI-X).
 */
export const REGISTERS = {
  vendor_id: header(0x00, 16),
  device_id: header(0x02, 16),
  command: header(0x04, 16, {
    io: field(0),
    memory: field(1),
    bus_master: field(2),
    special_cycle: field(3),
    memory_write_invalidate: field(4),
    vga_palette_snoop: field(5),
    parity_error_response: field(6),
    serr: field(8),
    fast_back_to_back: field(9),
    intx_disable: field(10),
  }),
  status: header(0x06, 16, {
    immediate_readiness: field(0),
    interrupt_status: field(3),
    capabilities_list: field(4),
    capable_66mhz: field(5),
    fast_back_to_back_capable: field(7),
    master_data_parity_error: rw1c(8),
    devsel_timing: field(9, 10),
    signaled_target_abort: rw1c(11),
    received_target_abort: rw1c(12),
    received_master_abort: rw1c(13),
    signaled_system_error: rw1c(14),
    detected_parity_error: rw1c(15),
  }),
  revision: header(0x08, 8),
  programming_interface: header(0x09, 8),
  sub_class: header(0x0a, 8),
  base_class: header(0x0b, 8),
  cache_line_size: header(0x0c, 8),
  latency_timer: header(0x0d, 8),
  header_type: header(0x0e, 8, { layout: field(0, 6), multi_function: field(7) }),
  bist: header(0x0f, 8, {
    completion_code: field(0, 3),
    start: field(6),
    capable: field(7),
  }),
  bar0: header(0x10, 32),
  bar1: header(0x14, 32),
  bar2: header(0x18, 32),
  bar3: header(0x1c, 32),
  bar4: header(0x20, 32),
  bar5: header(0x24, 32),
  subsystem_vendor_id: header(0x2c, 16),
  subsystem_id: header(0x2e, 16),
  rom_address: header(0x30, 32, { enable: field(0), address: field(11, 31) }),
  capabilities_pointer: header(0x34, 8),
  interrupt_line: header(0x3c, 8),
  interrupt_pin: header(0x3d, 8),

  'pm.capabilities': of('pm', 0x02, 16, {
    version: field(0, 2),
    pme_clock: field(3),
    immediate_readiness: field(4),
    device_specific_initialization: field(5),
    aux_current: field(6, 8),
    d1: field(9),
    d2: field(10),
    pme_support: field(11, 15),
  }),
  'pm.control_status': of('pm', 0x04, 16, {
    power_state: field(0, 1),
    no_soft_reset: field(3),
    pme_enable: field(8),
    data_select: field(9, 12),
    data_scale: field(13, 14),
    pme_status: rw1c(15),
  }),
  'pm.data': of('pm', 0x07, 8),

  'msi.control': of('msi', 0x02, 16, {
    enable: field(0),
    multiple_message_capable: field(1, 3),
    multiple_message_enable: field(4, 6),
    address_64: field(7),
    per_vector_masking: field(8),
    extended_data_capable: field(9),
    extended_data_enable: field(10),
  }),
  'msi.address': of('msi', 0x04, 32),
  'msi.address_high': of('msi', (control) => (isSet(control, 7) ? 0x08 : null), 32),
  'msi.data': of('msi', afterAddress(0x08), 16),
  'msi.mask': of('msi', maskable(0x0c), 32),
  'msi.pending': of('msi', maskable(0x10), 32),

  'msix.control': of('msix', 0x02, 16, {
    table_size: field(0, 10),
    function_mask: field(14),
    enable: field(15),
  }),
  'msix.table': of('msix', 0x04, 32, { bir: field(0, 2), offset: field(3, 31) }),
  'msix.pba': of('msix', 0x08, 32, { bir: field(0, 2), offset: field(3, 31) }),

  'pcie.capabilities': of('pcie', 0x02, 16, {
    version: field(0, 3),
    type: field(4, 7),
    slot_implemented: field(8),
    interrupt_message_number: field(9, 13),
  }),
  'pcie.device_capabilities': of('pcie', 0x04, 32, {
    max_payload_size: field(0, 2),
    phantom_functions: field(3, 4),
    extended_tag: field(5),
    l0s_acceptable_latency: field(6, 8),
    l1_acceptable_latency: field(9, 11),
    role_based_error_reporting: field(15),
    slot_power_limit_value: field(18, 25),
    slot_power_limit_scale: field(26, 27),
    flr: field(28),
  }),
  'pcie.device_control': of('pcie', 0x08, 16, {
    correctable_error_reporting: field(0),
    non_fatal_error_reporting: field(1),
    fatal_error_reporting: field(2),
    unsupported_request_reporting: field(3),
    relaxed_ordering: field(4),
    max_payload_size: field(5, 7),
    extended_tag: field(8),
    phantom_functions: field(9),
    aux_power_pm: field(10),
    no_snoop: field(11),
    max_read_request_size: field(12, 14),
    initiate_flr: field(15),
  }),
  'pcie.device_status': of('pcie', 0x0a, 16, {
    correctable_error: rw1c(0),
    non_fatal_error: rw1c(1),
    fatal_error: rw1c(2),
    unsupported_request: rw1c(3),
    aux_power: field(4),
    transactions_pending: field(5),
    emergency_power_reduction: rw1c(6),
  }),
  'pcie.link_capabilities': of('pcie', ofLink(0x0c), 32, {
    max_link_speed: field(0, 3),
    max_link_width: field(4, 9),
    aspm_support: field(10, 11),
    l0s_exit_latency: field(12, 14),
    l1_exit_latency: field(15, 17),
    clock_power_management: field(18),
    surprise_down_error_reporting: field(19),
    link_active_reporting: field(20),
    link_bandwidth_notification: field(21),
    aspm_optionality: field(22),
    port_number: field(24, 31),
  }),
  'pcie.link_control': of('pcie', ofLink(0x10), 16, {
    aspm: field(0, 1),
    read_completion_boundary: field(3),
    link_disable: field(4),
    retrain_link: field(5),
    common_clock: field(6),
    extended_synch: field(7),
    clock_power_management: field(8),
    autonomous_width_disable: field(9),
    bandwidth_management_interrupt: field(10),
    autonomous_bandwidth_interrupt: field(11),
    drs_signaling: field(14, 15),
  }),
  'pcie.link_status': of('pcie', ofLink(0x12), 16, {
    current_link_speed: field(0, 3),
    negotiated_link_width: field(4, 9),
    link_training: field(11),
    slot_clock: field(12),
    link_active: field(13),
    bandwidth_management: rw1c(14),
    autonomous_bandwidth: rw1c(15),
  }),
  'pcie.device_capabilities_2': of('pcie', ofVersion2(0x24), 32, {
    completion_timeout_ranges: field(0, 3),
    completion_timeout_disable: field(4),
    ari_forwarding: field(5),
    atomic_op_routing: field(6),
    atomic_op_completer_32: field(7),
    atomic_op_completer_64: field(8),
    cas_completer_128: field(9),
    no_ro_enabled_pr_pr_passing: field(10),
    ltr: field(11),
    tph_completer: field(12, 13),
    completer_10bit_tag: field(16),
    requester_10bit_tag: field(17),
    obff: field(18, 19),
    extended_fmt_field: field(20),
    end_end_tlp_prefix: field(21),
    max_end_end_tlp_prefixes: field(22, 23),
    emergency_power_reduction: field(24, 25),
    emergency_power_reduction_initialization: field(26),
    frs: field(31),
  }),
  'pcie.device_control_2': of('pcie', ofVersion2(0x28), 16, {
    completion_timeout: field(0, 3),
    completion_timeout_disable: field(4),
    ari_forwarding: field(5),
    atomic_op_requester: field(6),
    atomic_op_egress_blocking: field(7),
    ido_request: field(8),
    ido_completion: field(9),
    ltr: field(10),
    emergency_power_reduction_request: field(11),
    requester_10bit_tag: field(12),
    obff: field(13, 14),
    end_end_tlp_prefix_blocking: field(15),
  }),
  'pcie.link_capabilities_2': of('pcie', ofLink2(0x2c), 32, {
    supported_link_speeds: field(1, 7),
    crosslink: field(8),
    lower_skp_generation: field(9, 15),
    lower_skp_reception: field(16, 22),
    retimer_presence: field(23),
    two_retimers_presence: field(24),
    drs: field(31),
  }),
  'pcie.link_control_2': of('pcie', ofLink2(0x30), 16, {
    target_link_speed: field(0, 3),
    enter_compliance: field(4),
    autonomous_speed_disable: field(5),
    selectable_deemphasis: field(6),
    transmit_margin: field(7, 9),
    enter_modified_compliance: field(10),
    compliance_sos: field(11),
    compliance_preset: field(12, 15),
  }),
  'pcie.link_status_2': of('pcie', ofLink2(0x32), 16, {
    deemphasis_level: field(0),
    equalization_complete: field(1),
    equalization_phase_1: field(2),
    equalization_phase_2: field(3),
    equalization_phase_3: field(4),
    equalization_request: rw1c(5),
    retimer_presence: field(6),
    two_retimers_presence: field(7),
    crosslink_resolution: field(8, 9),
    downstream_component_presence: field(12, 14),
    drs_received: rw1c(15),
  }),
} as const satisfies Record<string, Register>;

/** A register that {@link REGISTERS} knows: `'command'`, `'msix.control'`, `'pcie.device_status'`. */
export type RegisterName = keyof typeof REGISTERS;

/** The fields of a register, each as an unsigned number. */
export type FieldsOf<N extends RegisterName> = Record<
  keyof (typeof REGISTERS)[N]['fields'] & string,
  number
>;

/**
 * Bytes from the start of the register's capability, or null if the device has no such register.
 *
 * @param control - the word at offset 2 of the capability
 */
export function registerOffset(register: Register, control: number): number | null {
  return typeof register.offset === 'number' ? register.offset : register.offset(control);
}
