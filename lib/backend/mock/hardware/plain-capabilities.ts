/**
 * Capabilities that the mock stores without behaviour. The ids are defined in the PCI Code and ID
 * Assignment Specification, sections 2 and 3. A length counts bytes and includes the header.
 */
export const PLAIN = {
  agp: { id: 0x02, extended: false, length: 12 },
  slot_id: { id: 0x04, extended: false, length: 4 },
  compactpci_hot_swap: { id: 0x06, extended: false, length: 4 },
  pcix: { id: 0x07, extended: false, length: 8 },
  hypertransport: { id: 0x08, extended: false, length: 28 },
  debug_port: { id: 0x0a, extended: false, length: 4 },
  compactpci_resource: { id: 0x0b, extended: false, length: 4 },
  hot_plug: { id: 0x0c, extended: false, length: 8 },
  bridge_subsystem: { id: 0x0d, extended: false, length: 8 },
  agp_8x: { id: 0x0e, extended: false, length: 12 },
  secure_device: { id: 0x0f, extended: false, length: 16 },
  sata: { id: 0x12, extended: false, length: 8 },
  ea: { id: 0x14, extended: false, length: 8 },
  vc: { id: 0x02, extended: true, length: 0x1c },
  power_budgeting: { id: 0x04, extended: true, length: 16 },
  acs: { id: 0x0d, extended: true, length: 8 },
  ari: { id: 0x0e, extended: true, length: 8 },
  ats: { id: 0x0f, extended: true, length: 8 },
  sriov: { id: 0x10, extended: true, length: 0x40 },
  multicast: { id: 0x12, extended: true, length: 0x30 },
  pri: { id: 0x13, extended: true, length: 16 },
  resizable_bar: { id: 0x15, extended: true, length: 12 },
  dpa: { id: 0x16, extended: true, length: 0x20 },
  tph: { id: 0x17, extended: true, length: 12 },
  ltr: { id: 0x18, extended: true, length: 8 },
  secondary_pcie: { id: 0x19, extended: true, length: 16 },
  pasid: { id: 0x1b, extended: true, length: 8 },
  dpc: { id: 0x1d, extended: true, length: 16 },
  l1_pm_substates: { id: 0x1e, extended: true, length: 16 },
  ptm: { id: 0x1f, extended: true, length: 12 },
  data_link_feature: { id: 0x25, extended: true, length: 12 },
  physical_layer_16gt: { id: 0x26, extended: true, length: 0x28 },
  doe: { id: 0x2e, extended: true, length: 0x18 },
} as const satisfies Record<string, { id: number; extended: boolean; length: number }>;

/** Name of a plain capability, as in `config.capabilities()`: `'ats'`, `'pasid'`, `'sriov'` … */
export type PlainName = keyof typeof PLAIN;

/** A capability that has bytes but no behaviour. */
export interface PlainCapability {
  readonly name: PlainName;
  /** The bytes that follow the header. Default: zeros. */
  readonly bytes?: Uint8Array | undefined;
}

export function isPlain(capability: { readonly name: string }): capability is PlainCapability {
  return Object.hasOwn(PLAIN, capability.name);
}

/**
 * Returns the length of a plain capability in bytes. Returns undefined if no plain capability has
 * the id.
 */
export function plainLength(id: number, extended: boolean): number | undefined {
  return Object.values(PLAIN).find((one) => one.id === id && one.extended === extended)?.length;
}
