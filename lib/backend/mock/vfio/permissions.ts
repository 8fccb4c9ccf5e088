import type { ConfigBytes } from '../hardware/config-bytes.js';
import * as pci from '../pci.js';
import type { Profile } from '../profile.js';

/** Of which capability a byte is; a byte of none is the function's own. */
export type Owner = 'header' | 'pm' | 'msi' | 'msix' | 'pcie' | 'extended' | null;

const ALL = 0xffff_ffff;
const NONE = 0;

/** Bytes that vfio-pci covers of a capability; MSI: 64 bits, without masks. */
const LENGTH = { pm: 8, msi: 14, msix: 12 } as const;
type CapabilityName = keyof typeof LENGTH | 'pcie';
const NAMES: readonly (readonly [id: number, name: CapabilityName])[] = [
  [pci.PCI_CAP_ID_PM, 'pm'],
  [pci.PCI_CAP_ID_MSI, 'msi'],
  [pci.PCI_CAP_ID_MSIX, 'msix'],
  [pci.PCI_CAP_ID_EXP, 'pcie'],
];

/**
 * What vfio-pci lets a user see and write, bit by bit: virtual bits are its own, others the
 * function's; what is not writable drops writes. The tables are those of
 * drivers/vfio/pci/vfio_pci_config.c.
 */
export class Permissions {
  readonly virtual: Uint8Array;
  readonly writable: Uint8Array;
  readonly #owners: Owner[];
  readonly #starts = new Map<Owner, number>([['header', 0]]);

  constructor(config: ConfigBytes, { expressLength }: Profile) {
    this.virtual = new Uint8Array(config.size);
    this.writable = new Uint8Array(config.size).fill(0xff);
    this.#owners = new Array<Owner>(config.size).fill(null);
    this.#claim('header', 0, pci.PCI_STD_HEADER_SIZEOF);
    this.#header();
    // No extended capability is shown: the head of their list says so, whatever follows it.
    if (config.size > pci.PCI_CFG_SPACE_SIZE) {
      this.#claim('extended', pci.PCI_CFG_SPACE_SIZE, 4);
      this.#set(pci.PCI_CFG_SPACE_SIZE, 4, ALL, NONE);
    }
    let offset = config.get(pci.PCI_CAPABILITY_LIST, 1);
    while (offset !== 0) {
      const id = config.get(offset, 1);
      const name = NAMES.find(([known]) => known === id)?.[1];
      if (name !== undefined) {
        this.#claim(name, offset, name === 'pcie' ? expressLength : LENGTH[name]);
        this.#capability(name, offset);
      }
      offset = config.get(offset + pci.PCI_CAP_LIST_NEXT, 1);
    }
    if (config.size === pci.PCI_CFG_SPACE_EXP_SIZE) {
      // Where the list of extended capabilities would begin: an empty one stays empty.
      this.#claim('extended', pci.PCI_CFG_SPACE_SIZE, 4);
      this.#set(pci.PCI_CFG_SPACE_SIZE, 4, ALL, NONE);
    }
  }

  owner(offset: number): Owner {
    return this.#owners[offset] ?? null;
  }

  start(owner: Owner): number {
    return this.#starts.get(owner) ?? 0;
  }

  /** Bytes from an offset to the end of its dword, or of what they belong to. */
  remaining(offset: number): number {
    const owner = this.owner(offset);
    let end = offset + 1;
    while (end % 4 !== 0 && this.owner(end) === owner) end++;
    return end - offset;
  }

  /** VFIO_DEVICE_FEATURE_PCI_MSI_NOVIRT: the message is the host's, and not to be written. */
  showMessage(): void {
    const at = this.start('msi');
    this.#set(at + pci.PCI_MSI_ADDRESS_LO, 4, NONE, NONE);
    this.#set(at + pci.PCI_MSI_ADDRESS_HI, 4, NONE, NONE);
    this.#set(at + pci.PCI_MSI_DATA_64, 2, NONE, NONE);
  }

  #claim(owner: Owner, start: number, length: number): void {
    this.#starts.set(owner, start);
    this.#owners.fill(owner, start, start + length);
    this.writable.fill(0, start, start + length);
  }

  #set(offset: number, width: number, virtual: number, writable: number): void {
    for (let i = 0; i < width; i++) {
      this.virtual[offset + i] = virtual >>> (8 * i);
      this.writable[offset + i] = writable >>> (8 * i);
    }
  }

  #header(): void {
    this.#set(pci.PCI_VENDOR_ID, 4, ALL, NONE);
    this.#set(pci.PCI_COMMAND, 2, pci.PCI_COMMAND_INTX_DISABLE, ALL);
    this.#set(pci.PCI_STATUS, 2, pci.PCI_STATUS_CAP_LIST, NONE);
    this.#set(pci.PCI_CACHE_LINE_SIZE, 1, NONE, ALL);
    this.#set(pci.PCI_LATENCY_TIMER, 1, NONE, ALL);
    this.#set(pci.PCI_BIST, 1, NONE, ALL);
    for (let bar = 0; bar < 6; bar++) this.#set(pci.PCI_BASE_ADDRESS_0 + 4 * bar, 4, ALL, ALL);
    this.#set(pci.PCI_ROM_ADDRESS, 4, ALL, ALL);
    this.#set(pci.PCI_CAPABILITY_LIST, 1, ALL, NONE);
    this.#set(pci.PCI_INTERRUPT_LINE, 1, ALL, ALL);
    this.#set(pci.PCI_INTERRUPT_PIN, 1, ALL, NONE);
  }

  #capability(name: CapabilityName, at: number): void {
    this.#set(at, 2, ALL, NONE);
    switch (name) {
      case 'pm': {
        const pme = pci.PCI_PM_CTRL_PME_ENABLE | pci.PCI_PM_CTRL_PME_STATUS;
        this.#set(at + pci.PCI_PM_PMC, 2, pci.PCI_PM_CAP_PME_MASK, NONE);
        this.#set(at + pci.PCI_PM_CTRL, 4, pme, ~(pme | pci.PCI_PM_CTRL_STATE_MASK));
        break;
      }
      case 'msi':
        // The lower byte of control, with the bits that a device would not let change.
        this.#set(at + pci.PCI_MSI_FLAGS, 1, ALL, ALL);
        this.#set(at + pci.PCI_MSI_ADDRESS_LO, 4, ALL, ALL);
        this.#set(at + pci.PCI_MSI_ADDRESS_HI, 4, ALL, ALL);
        this.#set(at + pci.PCI_MSI_DATA_64, 2, ALL, ALL);
        break;
      case 'pcie': {
        const virtual =
          pci.PCI_EXP_DEVCTL_BCR_FLR | pci.PCI_EXP_DEVCTL_PAYLOAD | pci.PCI_EXP_DEVCTL_READRQ;
        this.#set(at + pci.PCI_EXP_DEVCTL, 2, virtual, ~pci.PCI_EXP_DEVCTL_PHANTOM);
        this.#set(at + pci.PCI_EXP_DEVCTL2, 2, NONE, ~pci.PCI_EXP_DEVCTL2_ARI);
        break;
      }
      case 'msix':
        // What is enabled and masked is the host's business.
        break;
    }
  }
}
