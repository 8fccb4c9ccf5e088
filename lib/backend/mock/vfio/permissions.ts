import { store, type ConfigBytes } from '../hardware/config-bytes.js';
import * as pci from '../hardware/pci.js';
import type { Profile } from '../machine/profile.js';
import { extendedLength, standardLength } from './coverage.js';

/** Value in `Permissions` for bytes of the header, in place of a capability id. */
export const HEADER = 0;
/**
 * Value in `Permissions` for bytes outside of the visible capabilities. Accesses to these bytes
 * reach the function unchanged.
 */
export const RAW = 0xff;
/**
 * Value in `Permissions` for a hidden capability at the start of the extended list. Only the link
 * of the hidden capability remains visible.
 */
const PLACEHOLDER = 0xfe;

const ALL = 0xffff_ffff;
const NONE = 0;
const HEADER_OF_EXTENDED = 4;

/**
 * Permissions of vfio-pci for each bit of configuration space. vfio-pci stores virtual bits itself.
 * Non-virtual bits belong to the function. Writes to read-only bits are dropped. The links between
 * capabilities are virtual, so that a link can skip hidden capabilities. The tables follow
 * drivers/vfio/pci/vfio_pci_config.c.
 */
export class Permissions {
  readonly virtual: Uint8Array;
  readonly writable: Uint8Array;
  readonly #config: ConfigBytes;
  /** For each byte of configuration space: the id of its capability, HEADER, RAW or PLACEHOLDER. */
  readonly #map: Uint8Array;

  /** @param shadow - values of the virtual bits; the constructor changes the links in `shadow` */
  constructor(config: ConfigBytes, profile: Profile, shadow: DataView) {
    this.#config = config;
    this.virtual = new Uint8Array(config.size);
    this.writable = new Uint8Array(config.size).fill(0xff);
    this.#map = new Uint8Array(config.size).fill(RAW);
    this.#claim(HEADER, 0, pci.PCI_STD_HEADER_SIZEOF);
    this.#allowHeader();
    this.#walkStandard(profile, shadow);
    if (config.size > pci.PCI_CFG_SPACE_SIZE) this.#walkExtended(profile, shadow);
  }

  /**
   * Returns the id of the capability at an offset. Standard and extended ids are not distinguished.
   */
  id(offset: number): number {
    return this.#map[offset] ?? RAW;
  }

  /** Returns the start of the capability at an offset. */
  start(offset: number): number {
    const id = this.id(offset);
    if (id === HEADER && offset < pci.PCI_STD_HEADER_SIZEOF) return 0;
    const first =
      offset < pci.PCI_CFG_SPACE_SIZE ? pci.PCI_STD_HEADER_SIZEOF : pci.PCI_CFG_SPACE_SIZE;
    let start = offset;
    while (start > first && this.id(start - 1) === id) start--;
    return start;
  }

  /**
   * Returns the number of bytes from an offset to the end of the dword. If the capability ends
   * earlier, counts only to the end of the capability.
   */
  remaining(offset: number): number {
    const id = this.id(offset);
    let end = offset + 1;
    while (end % 4 !== 0 && this.id(end) === id) end++;
    return end - offset;
  }

  /**
   * Makes the registers of the MSI message non-virtual and read-only. After this call, the user
   * reads the message that the host has programmed (VFIO_DEVICE_FEATURE_PCI_MSI_NOVIRT).
   */
  showMessage({ low, high, data }: { low: number; high: number | null; data: number }): void {
    this.#allow(low, 4, NONE, NONE);
    if (high !== null) this.#allow(high, 4, NONE, NONE);
    this.#allow(data, 2, NONE, NONE);
  }

  #walkStandard(profile: Profile, shadow: DataView): void {
    const config = this.#config;
    let link = pci.PCI_CAPABILITY_LIST;
    let shown = 0;
    let at = config.get(link, 1);
    const visited = new Set<number>();
    while (at >= pci.PCI_STD_HEADER_SIZEOF && at < pci.PCI_CFG_SPACE_SIZE && !visited.has(at)) {
      visited.add(at);
      const next = config.get(at + pci.PCI_CAP_LIST_NEXT, 1);
      const length = standardLength(config, at, profile);
      if (length === 0) {
        store(shadow, link, 1, next);
      } else {
        this.#claim(config.get(at, 1), at, length);
        this.#allow(at, 2, ALL, NONE);
        this.#allowStandard(config.get(at, 1), at);
        link = at + pci.PCI_CAP_LIST_NEXT;
        shown++;
      }
      at = next;
    }
    if (shown === 0) {
      store(shadow, pci.PCI_STATUS, 1, shadow.getUint8(pci.PCI_STATUS) & ~pci.PCI_STATUS_CAP_LIST);
    }
  }

  #walkExtended(profile: Profile, shadow: DataView): void {
    const config = this.#config;
    let link: number | null = null;
    let shown = 0;
    let at: number = pci.PCI_CFG_SPACE_SIZE;
    const visited = new Set<number>();
    while (at >= pci.PCI_CFG_SPACE_SIZE && !visited.has(at)) {
      visited.add(at);
      const header = config.get(at, 4);
      const next = (header >>> 20) & 0xffc;
      const length = extendedLength(config, at, profile);
      if (length === 0 && link !== null) {
        store(shadow, link, 4, (shadow.getUint32(link, true) & 0x000f_ffff) | (next << 20));
      } else {
        this.#claim(length === 0 ? PLACEHOLDER : header & 0xff, at, length || pci.PCI_CAP_SIZEOF);
        this.#allow(at, HEADER_OF_EXTENDED, ALL, NONE);
        if (length === 0) store(shadow, at, 4, next << 20);
        else this.#allowExtended(header & 0xffff, at);
        if (length !== 0) shown++;
        link = at;
      }
      at = next;
    }
    if (shown === 0) store(shadow, pci.PCI_CFG_SPACE_SIZE, 4, 0);
  }

  #claim(id: number, start: number, length: number): void {
    this.#map.fill(id, start, start + length);
    this.writable.fill(0, start, start + length);
  }

  /** Sets which bits of a register are virtual and which bits are writable. */
  #allow(offset: number, width: number, virtual: number, writable: number): void {
    for (let i = 0; i < width; i++) {
      this.virtual[offset + i] = virtual >>> (8 * i);
      this.writable[offset + i] = writable >>> (8 * i);
    }
  }

  #allowHeader(): void {
    this.#allow(pci.PCI_VENDOR_ID, 4, ALL, NONE);
    this.#allow(pci.PCI_COMMAND, 2, pci.PCI_COMMAND_INTX_DISABLE, ALL);
    this.#allow(pci.PCI_STATUS, 2, pci.PCI_STATUS_CAP_LIST, NONE);
    this.#allow(pci.PCI_CACHE_LINE_SIZE, 1, NONE, ALL);
    this.#allow(pci.PCI_LATENCY_TIMER, 1, NONE, ALL);
    this.#allow(pci.PCI_BIST, 1, NONE, ALL);
    for (let bar = 0; bar < 6; bar++) this.#allow(pci.PCI_BASE_ADDRESS_0 + 4 * bar, 4, ALL, ALL);
    this.#allow(pci.PCI_ROM_ADDRESS, 4, ALL, ALL);
    this.#allow(pci.PCI_CAPABILITY_LIST, 1, ALL, NONE);
    this.#allow(pci.PCI_INTERRUPT_LINE, 1, ALL, ALL);
    this.#allow(pci.PCI_INTERRUPT_PIN, 1, ALL, NONE);
  }

  /** Sets the permissions of a standard capability, except for the id and the link. */
  #allowStandard(id: number, at: number): void {
    switch (id) {
      case pci.PCI_CAP_ID_PM: {
        const pme = pci.PCI_PM_CTRL_PME_ENABLE | pci.PCI_PM_CTRL_PME_STATUS;
        this.#allow(at + pci.PCI_PM_PMC, 2, pci.PCI_PM_CAP_PME_MASK, NONE);
        this.#allow(at + pci.PCI_PM_CTRL, 4, pme, ~(pme | pci.PCI_PM_CTRL_STATE_MASK));
        break;
      }
      case pci.PCI_CAP_ID_VPD:
        this.#allow(at + pci.PCI_VPD_ADDR, 2, ALL, ALL);
        this.#allow(at + pci.PCI_VPD_DATA, 4, ALL, ALL);
        break;
      case pci.PCI_CAP_ID_MSI:
        this.#allowMsi(at);
        break;
      case pci.PCI_CAP_ID_PCIX:
        this.#allow(at + pci.PCI_X_CMD, 2, NONE, ALL);
        if (this.id(at + pci.PCI_X_ECC_CSR) === id)
          this.#allow(at + pci.PCI_X_ECC_CSR, 4, NONE, ALL);
        break;
      case pci.PCI_CAP_ID_EXP: {
        const virtual =
          pci.PCI_EXP_DEVCTL_BCR_FLR | pci.PCI_EXP_DEVCTL_PAYLOAD | pci.PCI_EXP_DEVCTL_READRQ;
        this.#allow(at + pci.PCI_EXP_DEVCTL, 2, virtual, ~pci.PCI_EXP_DEVCTL_PHANTOM);
        if (this.start(at + pci.PCI_EXP_DEVCTL2) !== at) break;
        this.#allow(at + pci.PCI_EXP_DEVCTL2, 2, NONE, ~pci.PCI_EXP_DEVCTL2_ARI);
        break;
      }
      case pci.PCI_CAP_ID_AF:
        this.#allow(at + pci.PCI_AF_CTRL, 1, pci.PCI_AF_CTRL_FLR, pci.PCI_AF_CTRL_FLR);
        break;
    }
  }

  /**
   * Sets the permissions of the MSI capability. All bits in the low byte of the control register
   * are writable, as in the kernel.
   */
  #allowMsi(at: number): void {
    const control = this.#config.get(at + pci.PCI_MSI_FLAGS, 2);
    const wide = (control & pci.PCI_MSI_FLAGS_64BIT) !== 0;
    this.#allow(at + pci.PCI_MSI_FLAGS, 1, ALL, ALL);
    this.#allow(at + pci.PCI_MSI_ADDRESS_LO, 4, ALL, ALL);
    if (wide) this.#allow(at + pci.PCI_MSI_ADDRESS_HI, 4, ALL, ALL);
    this.#allow(at + (wide ? pci.PCI_MSI_DATA_64 : pci.PCI_MSI_DATA_32), 2, ALL, ALL);
    if ((control & pci.PCI_MSI_FLAGS_MASKBIT) === 0) return;
    const masks = at + (wide ? pci.PCI_MSI_MASK_64 : pci.PCI_MSI_MASK_32);
    this.#allow(masks, 4, NONE, ALL);
    this.#allow(masks + 4, 4, NONE, ALL);
  }

  #allowExtended(id: number, at: number): void {
    if (id === pci.PCI_EXT_CAP_ID_PWR) this.#allow(at + 4, 1, NONE, ALL);
    if (id !== pci.PCI_EXT_CAP_ID_ERR) return;
    const uncorrectable = 0x03ff_f031;
    const correctable = 0xf1c1;
    this.#allow(at + pci.PCI_ERR_UNCOR_STATUS, 4, NONE, uncorrectable);
    this.#allow(at + pci.PCI_ERR_UNCOR_MASK, 4, NONE, uncorrectable);
    this.#allow(at + pci.PCI_ERR_UNCOR_SEVER, 4, NONE, uncorrectable);
    this.#allow(at + pci.PCI_ERR_COR_STATUS, 4, NONE, correctable);
    this.#allow(at + pci.PCI_ERR_COR_MASK, 4, NONE, correctable);
    const control = pci.PCI_ERR_CAP_ECRC_GENE | pci.PCI_ERR_CAP_ECRC_CHKE;
    this.#allow(at + pci.PCI_ERR_CAP, 4, NONE, control);
  }
}
