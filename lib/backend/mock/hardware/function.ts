import type { Message } from '../host/interrupts.js';
import {
  DmaFault,
  type CapabilityShape,
  type DeviceHost,
  type DeviceLogic,
  type DeviceModel,
} from '../models/model.js';
import * as pci from '../pci.js';
import { ConfigBytes } from './config-bytes.js';
import { MsixTable } from './msix.js';
import { RegisterTable, type Overlay } from './registers.js';

/** What a function is plugged into. */
export interface Bus {
  /** @throws DmaFault */
  read(address: bigint, into: Uint8Array): void;
  /** @throws DmaFault */
  write(address: bigint, from: Uint8Array): void;
  message(message: Message): void;
  /** The pin became asserted, and the command register lets it through. */
  pin(): void;
  defer(owner: object, work: () => void): void;
  /** A register was read: work that was deferred may go on. */
  progress(): void;
}

/**
 * A PCI function as it sits on its bus: configuration space, BARs, interrupt pin and messages.
 * It knows nothing of VFIO.
 */
export class HardwareFunction implements DeviceHost {
  readonly config: ConfigBytes;
  readonly msix: MsixTable | null;
  readonly #bus: Bus;
  readonly #bars = new Map<number, RegisterTable>();
  readonly #offsets = new Map<CapabilityShape['name'], number>();
  readonly #logic: DeviceLogic;
  #pin = false;
  /** The pin as the command register lets it through. */
  #asserted = false;

  constructor(model: DeviceModel, bus: Bus) {
    const { shape } = model;
    this.#bus = bus;
    this.config = new ConfigBytes(shape);
    let msix: MsixTable | null = null;
    const overlays = new Map<number, Overlay[]>(shape.bars.map(({ index }) => [index, []]));
    for (const capability of shape.capabilities) {
      this.#offsets.set(capability.name, capability.offset);
      if (capability.name !== 'msix') continue;
      const { vectors, table, pba } = capability;
      msix = new MsixTable(vectors, table, pba, (message) => {
        this.#send(message);
      });
      overlays.get(table.bar)?.push(msix.table);
      overlays.get(pba.bar)?.push(msix.pendingBits);
    }
    this.msix = msix;
    this.#logic = model.create(this);
    for (const bar of shape.bars) {
      const registers = this.#logic.registers.get(bar.index) ?? [];
      this.#bars.set(bar.index, new RegisterTable(bar, registers, overlays.get(bar.index) ?? []));
    }
  }

  /** Offset of a capability, or null. */
  capability(name: CapabilityShape['name']): number | null {
    return this.#offsets.get(name) ?? null;
  }

  /** Bytes of a BAR; 0 if there is none of that index. */
  barSize(index: number): number {
    return this.#bars.get(index)?.size ?? 0;
  }

  /** Level of the pin, which the status register shows. */
  get pin(): boolean {
    return this.#pin;
  }

  /** Power state, 0 to 3. */
  get powerState(): number {
    const offset = this.capability('pm');
    if (offset === null) return 0;
    return this.config.get(offset + pci.PCI_PM_CTRL, 2) & pci.PCI_PM_CTRL_STATE_MASK;
  }

  writeConfig(offset: number, width: 1 | 2 | 4, value: number): void {
    this.config.write(offset, width, value);
    const msix = this.capability('msix');
    if (msix !== null && this.msix !== null) {
      const control = this.config.get(msix + pci.PCI_MSIX_FLAGS, 2);
      const enabled = (control & pci.PCI_MSIX_FLAGS_ENABLE) !== 0;
      this.msix.control(enabled, (control & pci.PCI_MSIX_FLAGS_MASKALL) !== 0);
    }
    // A function with messages must not use its pin.
    if (this.messages) this.setPin(false);
    else this.#settlePin();
  }

  /** Sets or clears bits of a 16-bit register of configuration space. */
  updateConfig(offset: number, bits: number, on: boolean): void {
    const value = this.config.get(offset, 2);
    this.writeConfig(offset, 2, on ? value | bits : value & ~bits);
  }

  readBar(index: number, offset: number, width: 1 | 2 | 4): number {
    const value = this.#decoding(index)?.read(offset, width);
    this.#bus.progress();
    return value ?? (width === 4 ? 0xffff_ffff : 2 ** (8 * width) - 1);
  }

  readBar64(index: number, offset: number): bigint {
    const value = this.#decoding(index)?.read64(offset);
    this.#bus.progress();
    return value ?? 0xffff_ffff_ffff_ffffn;
  }

  writeBar(index: number, offset: number, width: 1 | 2 | 4, value: number): void {
    this.#decoding(index)?.write(offset, width, value);
  }

  writeBar64(index: number, offset: number, value: bigint): void {
    this.#decoding(index)?.write64(offset, value);
  }

  /**
   * A function level reset. Configuration space stays: the PCI core saves it before and writes it
   * back after, and nobody sees it between.
   */
  reset(): void {
    this.#logic.reset();
    this.msix?.reset();
    this.setPin(false);
  }

  dmaRead(address: bigint, into: Uint8Array): void {
    this.#checkMaster(address);
    this.#bus.read(address, into);
  }

  dmaWrite(address: bigint, from: Uint8Array): void {
    this.#checkMaster(address);
    this.#bus.write(address, from);
  }

  get messages(): boolean {
    return this.msix?.enabled === true || this.#msiControl() !== null;
  }

  signal(vector: number): void {
    if (this.msix?.enabled === true) {
      this.msix.notify(vector);
      return;
    }
    const msi = this.capability('msi');
    const control = this.#msiControl();
    if (msi === null || control === null) return;
    // The function changes the low bits of the data, as many as it may.
    const vectors = 1 << ((control & pci.PCI_MSI_FLAGS_QSIZE) >> 4);
    const data = this.config.get(msi + pci.PCI_MSI_DATA_64, 2) & ~(vectors - 1);
    const high = BigInt(this.config.get(msi + pci.PCI_MSI_ADDRESS_HI, 4));
    const low = BigInt(this.config.get(msi + pci.PCI_MSI_ADDRESS_LO, 4));
    this.#send({ address: (high << 32n) | low, data: data | (vector & (vectors - 1)) });
  }

  setPin(asserted: boolean): void {
    this.#pin = asserted;
    const status = this.config.get(pci.PCI_STATUS, 2) & ~pci.PCI_STATUS_INTERRUPT;
    this.config.set(pci.PCI_STATUS, 2, status | (asserted ? pci.PCI_STATUS_INTERRUPT : 0));
    this.#settlePin();
  }

  defer(work: () => void): void {
    this.#bus.defer(this, work);
  }

  /** Control register of MSI while it is enabled. */
  #msiControl(): number | null {
    const offset = this.capability('msi');
    if (offset === null) return null;
    const control = this.config.get(offset + pci.PCI_MSI_FLAGS, 2);
    return (control & pci.PCI_MSI_FLAGS_ENABLE) !== 0 ? control : null;
  }

  #settlePin(): void {
    const asserted = this.#pin && !this.#command(pci.PCI_COMMAND_INTX_DISABLE);
    const rose = asserted && !this.#asserted;
    this.#asserted = asserted;
    if (rose) this.#bus.pin();
  }

  /** Messages are memory writes of a bus master. */
  #send(message: Message): void {
    if (this.#command(pci.PCI_COMMAND_MASTER)) this.#bus.message(message);
  }

  #checkMaster(address: bigint): void {
    if (!this.#command(pci.PCI_COMMAND_MASTER)) throw new DmaFault(address, 'no bus master');
  }

  #decoding(index: number): RegisterTable | undefined {
    const on = this.#command(pci.PCI_COMMAND_MEMORY) && this.powerState < pci.PCI_D3hot;
    return on ? this.#bars.get(index) : undefined;
  }

  #command(bit: number): boolean {
    return (this.config.get(pci.PCI_COMMAND, 2) & bit) !== 0;
  }
}
