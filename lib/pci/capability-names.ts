import { checkBoolean, checkInteger } from '../checks.js';
/**
 * The two names of a capability. The API of this library uses `name`, and PCI-SIG documents use
 * `title`.
 */
export interface CapabilityName {
  readonly name: string;
  readonly title: string;
}

type Names = Readonly<Record<number, readonly [name: string, title: string]>>;

/**
 * Capability ids in the first 256 bytes of configuration space: PCI Code and ID Assignment
 * Specification, section 2.
 */
const STANDARD: Names = {
  0x00: ['null', 'Null Capability'],
  0x01: ['pm', 'PCI Power Management Interface'],
  0x02: ['agp', 'AGP'],
  0x03: ['vpd', 'VPD'],
  0x04: ['slot_id', 'Slot Identification'],
  0x05: ['msi', 'MSI'],
  0x06: ['compactpci_hot_swap', 'CompactPCI Hot Swap'],
  0x07: ['pcix', 'PCI-X'],
  0x08: ['hypertransport', 'HyperTransport'],
  0x09: ['vendor_specific', 'Vendor-Specific'],
  0x0a: ['debug_port', 'Debug Port'],
  0x0b: ['compactpci_resource', 'CompactPCI Central Resource Control'],
  0x0c: ['hot_plug', 'PCI Hot-Plug'],
  0x0d: ['bridge_subsystem', 'PCI Bridge Subsystem Vendor ID'],
  0x0e: ['agp_8x', 'AGP 8x'],
  0x0f: ['secure_device', 'Secure Device'],
  0x10: ['pcie', 'PCI Express'],
  0x11: ['msix', 'MSI-X'],
  0x12: ['sata', 'Serial ATA Data/Index Configuration'],
  0x13: ['af', 'Advanced Features'],
  0x14: ['ea', 'Enhanced Allocation'],
  0x15: ['fpb', 'Flattening Portal Bridge'],
};

/**
 * Ids of the extended capabilities, which start at offset 0x100: PCI Code and ID Assignment
 * Specification, section 3.
 */
const EXTENDED: Names = {
  0x00: ['null', 'Null Capability'],
  0x01: ['aer', 'Advanced Error Reporting'],
  0x02: ['vc', 'Virtual Channel'],
  0x03: ['serial_number', 'Device Serial Number'],
  0x04: ['power_budgeting', 'Power Budgeting'],
  0x05: ['rc_link', 'Root Complex Link Declaration'],
  0x06: ['rc_internal_link', 'Root Complex Internal Link Control'],
  0x07: ['rc_event_collector', 'Root Complex Event Collector Endpoint Association'],
  0x08: ['mfvc', 'Multi-Function Virtual Channel'],
  0x09: ['vc_mfvc', 'Virtual Channel, with MFVC'],
  0x0a: ['rcrb', 'Root Complex Register Block Header'],
  0x0b: ['vsec', 'Vendor-Specific Extended Capability'],
  0x0c: ['cac', 'Configuration Access Correlation'],
  0x0d: ['acs', 'Access Control Services'],
  0x0e: ['ari', 'Alternative Routing-ID Interpretation'],
  0x0f: ['ats', 'Address Translation Services'],
  0x10: ['sriov', 'Single Root I/O Virtualization'],
  0x11: ['mriov', 'Multi-Root I/O Virtualization'],
  0x12: ['multicast', 'Multicast'],
  0x13: ['pri', 'Page Request Interface'],
  0x14: ['amd', 'Reserved for AMD'],
  0x15: ['resizable_bar', 'Resizable BAR'],
  0x16: ['dpa', 'Dynamic Power Allocation'],
  0x17: ['tph', 'TPH Requester'],
  0x18: ['ltr', 'Latency Tolerance Reporting'],
  0x19: ['secondary_pcie', 'Secondary PCI Express'],
  0x1a: ['pmux', 'Protocol Multiplexing'],
  0x1b: ['pasid', 'Process Address Space ID'],
  0x1c: ['lnr', 'LN Requester'],
  0x1d: ['dpc', 'Downstream Port Containment'],
  0x1e: ['l1_pm_substates', 'L1 PM Substates'],
  0x1f: ['ptm', 'Precision Time Measurement'],
  0x20: ['m_pcie', 'PCI Express over M-PHY'],
  0x21: ['frs', 'FRS Queueing'],
  0x22: ['readiness_time', 'Readiness Time Reporting'],
  0x23: ['dvsec', 'Designated Vendor-Specific Extended Capability'],
  0x24: ['vf_resizable_bar', 'VF Resizable BAR'],
  0x25: ['data_link_feature', 'Data Link Feature'],
  0x26: ['physical_layer_16gt', 'Physical Layer 16.0 GT/s'],
  0x27: ['lane_margining', 'Lane Margining at the Receiver'],
  0x28: ['hierarchy_id', 'Hierarchy ID'],
  0x29: ['npem', 'Native PCIe Enclosure Management'],
  0x2a: ['physical_layer_32gt', 'Physical Layer 32.0 GT/s'],
  0x2b: ['alternate_protocol', 'Alternate Protocol'],
  0x2c: ['sfi', 'System Firmware Intermediary'],
  0x2d: ['shadow_functions', 'Shadow Functions'],
  0x2e: ['doe', 'Data Object Exchange'],
  0x2f: ['device_3', 'Device 3'],
  0x30: ['ide', 'Integrity and Data Encryption'],
  0x31: ['physical_layer_64gt', 'Physical Layer 64.0 GT/s'],
  0x32: ['flit_logging', 'Flit Logging'],
  0x33: ['flit_performance', 'Flit Performance Measurement'],
  0x34: ['flit_error_injection', 'Flit Error Injection'],
  0x35: ['svc', 'Streamlined Virtual Channel'],
  0x36: ['mmio_register_block', 'MMIO Register Block Locator'],
  0x37: ['nop_flit', 'NOP Flit'],
  0x38: ['siov', 'Scalable I/O Virtualization'],
  0x39: ['physical_layer_128gt', 'Physical Layer 128.0 GT/s'],
  0x3a: ['captured_data', 'Captured Data'],
};

/**
 * Returns the two names of the capability with the given id. If the id is unassigned, the name
 * contains the id as a number.
 */
export function capabilityName(id: number, extended: boolean): CapabilityName {
  checkInteger(id, 'id', 0, 0xffff);
  checkBoolean(extended, 'extended');
  const known = (extended ? EXTENDED : STANDARD)[id];
  if (known !== undefined) return { name: known[0], title: known[1] };
  const number = `0x${id.toString(16).padStart(extended ? 4 : 2, '0')}`;
  return { name: `unknown_${number}`, title: `Unknown (${number})` };
}
