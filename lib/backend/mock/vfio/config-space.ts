import { fail } from '../machine/errno.js';
import { load, store } from '../hardware/config-bytes.js';
import type { HardwareFunction } from '../hardware/function.js';
import * as pci from '../hardware/pci.js';
import type { Profile } from '../machine/profile.js';
import { sizeBars } from './bar-sizing.js';
import { HEADER, Permissions, RAW } from './permissions.js';
import { transferVpd } from './vpd.js';

/**
 * Callbacks for writes to configuration space. `msiActive()` and `msiQueueSize()` return the limits
 * for a write to the MSI control register.
 */
export interface ConfigEvents {
  /** Reports a change of bit 10 (INTx disable) in the user's command register. */
  disableIntx(disabled: boolean): void;
  /** Reports a write that leaves memory decode off. */
  disableMemory(): void;
  /** Changes the power state of the function, 0 for D0 to 3 for D3hot. */
  setPowerState(state: number): void;
  /** Resets the function. */
  resetFunction(): void;
  /** Returns whether SET_IRQS has enabled MSI. */
  msiActive(): boolean;
  /** Returns log2 of the number of vectors of the last SET_IRQS that enabled MSI. */
  msiQueueSize(): number;
}

type ChunkWidth = 1 | 2 | 4;

/** Region 7: configuration space as the user sees it through vfio-pci. */
export class ConfigSpace {
  readonly size: number;
  readonly #hardware: HardwareFunction;
  readonly #events: ConfigEvents;
  readonly #permissions: Permissions;
  /** The user's copy of configuration space, with the values of the virtual bits. */
  readonly #shadow: DataView;
  #barsWritten = false;
  #intxDisabled = false;

  constructor(hardware: HardwareFunction, profile: Profile, events: ConfigEvents) {
    const { config } = hardware;
    this.size = config.size;
    this.#hardware = hardware;
    this.#events = events;
    this.#shadow = new DataView(new ArrayBuffer(this.size));
    for (let offset = 0; offset < this.size; offset += 4) {
      store(this.#shadow, offset, 4, config.get(offset, 4));
    }
    if (hardware.isVirtual) store(this.#shadow, pci.PCI_INTERRUPT_PIN, 1, 0);
    this.#permissions = new Permissions(config, profile, this.#shadow);
    // The user's copy shows no PME support, because the host does not forward wake-up events.
    const pm = hardware.capability('pm');
    if (pm === null) return;
    this.#clear(pm + pci.PCI_PM_PMC, pci.PCI_PM_CAP_PME_MASK);
    this.#clear(pm + pci.PCI_PM_CTRL, pci.PCI_PM_CTRL_PME_ENABLE | pci.PCI_PM_CTRL_PME_STATUS);
  }

  /** Whether vfio-pci allows accesses to the BARs. */
  get memoryEnabled(): boolean {
    const on = (load(this.#shadow, pci.PCI_COMMAND, 2) & pci.PCI_COMMAND_MEMORY) !== 0;
    return (on || this.#hardware.isVirtual) && this.#hardware.powerState < pci.PCI_D3hot;
  }

  /** Whether the user has set bit 10 of the command register. */
  get intxDisabled(): boolean {
    return this.#intxDisabled;
  }

  get interruptPin(): number {
    return load(this.#shadow, pci.PCI_INTERRUPT_PIN, 1);
  }

  /** After this call, the MSI registers show the message that the host has programmed. */
  showMessage(): void {
    const { msi } = this.#hardware;
    if (msi !== null) this.#permissions.showMessage(msi.registers);
  }

  /**
   * Reads bytes.
   *
   * @throws VfioError EFAULT if the range exceeds configuration space; no byte is read
   */
  read(offset: number, into: Uint8Array): number {
    if (offset + into.length > this.size) fail('EFAULT', 'read');
    for (let done = 0; done < into.length;) {
      const width = this.#chunkWidth(offset + done, into.length - done);
      const value = this.#readChunk(offset + done, width);
      for (let i = 0; i < width; i++) into[done + i] = value >>> (8 * i);
      done += width;
    }
    return into.length;
  }

  /**
   * Writes bytes.
   *
   * @throws VfioError EFAULT if the range exceeds configuration space; no byte is written
   */
  write(offset: number, from: Uint8Array): number {
    if (offset + from.length > this.size) fail('EFAULT', 'write');
    for (let done = 0; done < from.length;) {
      const width = this.#chunkWidth(offset + done, from.length - done);
      let value = 0;
      for (let i = 0; i < width; i++) value |= (from[done + i] ?? 0) << (8 * i);
      this.#writeChunk(offset + done, width, value >>> 0);
      done += width;
    }
    return from.length;
  }

  /**
   * Returns the width of the largest aligned access at an offset. The access does not cross the end
   * of a dword or of a capability.
   */
  #chunkWidth(offset: number, left: number): ChunkWidth {
    const most = Math.min(left, this.#permissions.remaining(offset));
    if (most >= 4 && offset % 4 === 0) return 4;
    return most >= 2 && offset % 2 === 0 ? 2 : 1;
  }

  #readChunk(offset: number, width: ChunkWidth): number {
    if (isBar(offset) && this.#barsWritten) {
      this.#barsWritten = false;
      sizeBars(this.#shadow, this.#hardware);
    }
    const virtual = loadBits(this.#permissions.virtual, offset, width);
    const shadowed = load(this.#shadow, offset, width) & virtual;
    return ((this.#hardware.readConfig(offset, width) & ~virtual) | shadowed) >>> 0;
  }

  #writeChunk(offset: number, width: ChunkWidth, value: number): void {
    const id = this.#permissions.id(offset);
    if (id === RAW) this.#hardware.writeConfig(offset, width, value);
    else if (offset >= pci.PCI_CFG_SPACE_SIZE) this.#writeExtended(id, offset, width, value);
    else if (id === HEADER) this.#writeHeader(offset, width, value);
    else this.#writeCapability(id, offset, width, value);
  }

  #writeExtended(id: number, offset: number, width: ChunkWidth, value: number): void {
    const vendor = id === pci.PCI_EXT_CAP_ID_VNDR || id === pci.PCI_EXT_CAP_ID_DVSEC;
    if (vendor) this.#hardware.writeConfig(offset, width, value);
    else this.#store(offset, width, value);
  }

  #writeCapability(id: number, offset: number, width: ChunkWidth, value: number): void {
    if (id === pci.PCI_CAP_ID_VNDR) {
      this.#hardware.writeConfig(offset, width, value);
      return;
    }
    const start = this.#permissions.start(offset);
    const at = offset - start;
    this.#store(offset, width, value);
    switch (id) {
      case pci.PCI_CAP_ID_PM:
        if (at === pci.PCI_PM_CTRL) {
          this.#events.setPowerState(value & pci.PCI_PM_CTRL_STATE_MASK);
        }
        break;
      case pci.PCI_CAP_ID_VPD:
        // A write to the byte that contains the flag F starts a VPD transfer.
        if (at <= pci.PCI_VPD_ADDR + 1 && at + width > pci.PCI_VPD_ADDR + 1) {
          transferVpd(this.#shadow, start, this.#hardware.vpd);
        }
        break;
      case pci.PCI_CAP_ID_MSI:
        // As in the kernel, #updateMsi() runs even after a write that touches only the byte before
        // the control register.
        if (at <= pci.PCI_MSI_FLAGS && at + width >= pci.PCI_MSI_FLAGS) this.#updateMsi(start);
        break;
      case pci.PCI_CAP_ID_EXP:
        this.#handleReset(start + pci.PCI_EXP_DEVCTL, pci.PCI_EXP_DEVCTL_BCR_FLR, () => {
          const able = this.#hardware.config.get(start + pci.PCI_EXP_DEVCAP, 4);
          return (able & pci.PCI_EXP_DEVCAP_FLR) !== 0;
        });
        break;
      case pci.PCI_CAP_ID_AF:
        this.#handleReset(start + pci.PCI_AF_CTRL, pci.PCI_AF_CTRL_FLR, () => {
          const needed = pci.PCI_AF_CAP_FLR | pci.PCI_AF_CAP_TP;
          return (this.#hardware.config.get(start + pci.PCI_AF_CAP, 1) & needed) === needed;
        });
        break;
    }
  }

  /**
   * Writes a value. Virtual bits are stored in the user's copy, and non-virtual bits are written to
   * the function. Read-only bits do not change.
   */
  #store(offset: number, width: ChunkWidth, value: number): void {
    const virtual = loadBits(this.#permissions.virtual, offset, width);
    const writable = loadBits(this.#permissions.writable, offset, width);
    const shadowed = writable & virtual;
    if (shadowed !== 0) {
      const kept = load(this.#shadow, offset, width) & ~shadowed;
      store(this.#shadow, offset, width, kept | (value & shadowed));
    }
    const physical = writable & ~virtual;
    if (physical !== 0) {
      const kept = this.#hardware.config.get(offset, width) & ~physical;
      this.#hardware.writeConfig(offset, width, kept | (value & physical));
    }
  }

  #writeHeader(offset: number, width: ChunkWidth, value: number): void {
    this.#store(offset, width, value);
    if (isBar(offset)) this.#barsWritten = true;
    if (offset === pci.PCI_COMMAND) {
      // If the write starts at the command register, the bits for memory decode and I/O decode are
      // also written to the user's copy.
      const decode = pci.PCI_COMMAND_MEMORY | pci.PCI_COMMAND_IO;
      const kept = load(this.#shadow, offset, 2) & ~decode;
      store(this.#shadow, offset, 2, kept | (value & decode));
      if (!this.memoryEnabled) this.#events.disableMemory();
    }
    if (offset === pci.PCI_COMMAND || offset === pci.PCI_COMMAND + 1) {
      const command = load(this.#shadow, pci.PCI_COMMAND, 2);
      const disabled = (command & pci.PCI_COMMAND_INTX_DISABLE) !== 0;
      if (disabled === this.#intxDisabled) return;
      this.#intxDisabled = disabled;
      this.#events.disableIntx(disabled);
    }
  }

  /**
   * Writes the user's MSI control register to the function. SET_IRQS limits the enable bit and the
   * queue size.
   */
  #updateMsi(start: number): void {
    const offset = start + pci.PCI_MSI_FLAGS;
    let control = load(this.#shadow, offset, 2);
    if (!this.#events.msiActive()) control &= ~pci.PCI_MSI_FLAGS_ENABLE;
    const queueSize = this.#events.msiQueueSize();
    if ((control & pci.PCI_MSI_FLAGS_QSIZE) >> 4 > queueSize) {
      control = (control & ~pci.PCI_MSI_FLAGS_QSIZE) | (queueSize << 4);
    }
    store(this.#shadow, offset, 2, control);
    this.#hardware.writeConfig(offset, 2, control);
  }

  /**
   * Resets the function if the user has set the reset bit. After this call, the reset bit reads 0,
   * even if the function cannot be reset.
   */
  #handleReset(offset: number, bit: number, isPossible: () => boolean): void {
    if ((load(this.#shadow, offset, 2) & bit) === 0) return;
    this.#clear(offset, bit);
    if (isPossible()) this.#events.resetFunction();
  }

  #clear(offset: number, mask: number): void {
    store(this.#shadow, offset, 2, load(this.#shadow, offset, 2) & ~mask);
  }
}

function isBar(offset: number): boolean {
  const inBars = offset >= pci.PCI_BASE_ADDRESS_0 && offset < pci.PCI_BASE_ADDRESS_0 + 24;
  return inBars || (offset >= pci.PCI_ROM_ADDRESS && offset < pci.PCI_ROM_ADDRESS + 4);
}

/** Reads the permission bits of one access from a table of bytes. */
function loadBits(table: Uint8Array, offset: number, width: ChunkWidth): number {
  let value = 0;
  for (let i = 0; i < width; i++) value |= (table[offset + i] ?? 0) << (8 * i);
  return value >>> 0;
}
