import { checkBoolean, checkBytes, checkInteger, checkU64 } from '../../../checks.js';
import type { Message } from '../../../contract/message.js';
import {
  type BarShape,
  type DeviceHost,
  type DeviceLogic,
  type DeviceModel,
  type MemoryBlock,
  type MsixCapability,
  type Register,
  type RomShape,
  type TransferOptions,
} from './model.js';
import { DmaFault } from '../machine/dma-fault.js';
import { checkRegisters } from './check-registers.js';
import * as pci from './pci.js';
import { ConfigBytes } from './config-bytes.js';
import { memoryOverlay } from './memory-block.js';
import { Msi } from './msi.js';
import { MsixTable } from './msix.js';
import { RegisterTable, type Overlay } from './registers.js';

/** What a function is plugged into. */
export interface Bus {
  /** @throws DmaFault */
  read(address: bigint, into: Uint8Array, options: TransferOptions): void;
  /** @throws DmaFault */
  write(address: bigint, from: Uint8Array, options: TransferOptions): void;
  message(message: Message): void;
  /** The pin became asserted, and the command register lets it through. */
  pin(): void;
  defer(owner: object, work: () => void, ms: number): void;
  /** A register was read: work that was deferred may go on. */
  progress(): void;
}

/** Capabilities that the machine has to do with. */
const IDS = {
  pm: { id: pci.PCI_CAP_ID_PM, extended: false },
  vpd: { id: pci.PCI_CAP_ID_VPD, extended: false },
  msi: { id: pci.PCI_CAP_ID_MSI, extended: false },
  msix: { id: pci.PCI_CAP_ID_MSIX, extended: false },
  pcie: { id: pci.PCI_CAP_ID_EXP, extended: false },
  aer: { id: pci.PCI_EXT_CAP_ID_ERR, extended: true },
  sriov: { id: pci.PCI_EXT_CAP_ID_SRIOV, extended: true },
} as const;

/**
 * A PCI function as it sits on its bus: configuration space, BARs, interrupt pin and messages.
 * It knows nothing of VFIO.
 */
export class HardwareFunction implements DeviceHost {
  readonly config: ConfigBytes;
  readonly msi: Msi | null;
  readonly msix: MsixTable | null;
  /** Where the message table is. */
  readonly msixPlace: Pick<MsixCapability, 'vectors' | 'table' | 'pba'> | null;
  readonly rom: RomShape | null;
  /** Whether it is a virtual function: its memory is always decoded. */
  readonly virtual: boolean;
  /** What is behind the window of the VPD capability. */
  readonly vpd: Uint8Array | null;
  readonly #bus: Bus;
  readonly #bars = new Map<
    number,
    { readonly shape: BarShape; readonly registers: RegisterTable }
  >();
  readonly #logic: DeviceLogic;
  #absent = false;
  #pin = false;
  /** The pin as the command register lets it through. */
  #asserted = false;

  constructor(model: DeviceModel, bus: Bus) {
    const { shape } = model;
    const send = (message: Message) => {
      this.#send(message);
    };
    this.#bus = bus;
    this.config = new ConfigBytes(shape);
    const vpd = shape.capabilities.find((capability) => capability.name === 'vpd');
    this.vpd = vpd === undefined ? null : vpd.data.slice();
    this.rom = shape.rom ?? null;
    this.virtual = shape.virtual === true;
    const msi = this.capability('msi');
    this.msi = msi === null ? null : new Msi(this.config, msi, send);
    const overlays = new Map<number, Overlay[]>(shape.bars.map(({ index }) => [index, []]));
    this.msixPlace = this.#findMsix();
    this.msix = null;
    if (this.msixPlace !== null) {
      const { vectors, table, pba } = this.msixPlace;
      this.msix = new MsixTable(vectors, table, pba, send);
      overlays.get(table.bar)?.push(this.msix.table);
      overlays.get(pba.bar)?.push(this.msix.pendingBits);
    }
    this.#logic = model.create(this);
    checkRegisters(model.name, shape.bars, this.#logic.registers, this.msixPlace);
    for (const bar of shape.bars) {
      const registers: Register[] = [];
      const blocks: MemoryBlock[] = [];
      for (const part of this.#logic.registers[bar.index] ?? []) {
        if ('size' in part) blocks.push(part);
        else registers.push(part);
      }
      const parts = [...(overlays.get(bar.index) ?? []), ...blocks.map(memoryOverlay)];
      this.#bars.set(bar.index, {
        shape: bar,
        registers: new RegisterTable(bar, registers, parts),
      });
    }
  }

  /** Offset of a capability, or null. */
  capability(name: keyof typeof IDS): number | null {
    const { id, extended } = IDS[name];
    return this.config.find(id, extended);
  }

  /** Bytes of a BAR; 0 if there is none of that index. */
  barSize(index: number): number {
    return this.#bars.get(index)?.shape.size ?? 0;
  }

  /** A BAR, if there is one of that index. */
  bar(index: number): BarShape | undefined {
    return this.#bars.get(index)?.shape;
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

  /** As the bus answers: all-ones if nobody is there. */
  readConfig(offset: number, width: 1 | 2 | 4): number {
    return this.#absent ? 2 ** (8 * width) - 1 : this.config.get(offset, width);
  }

  writeConfig(offset: number, width: 1 | 2 | 4, value: number): void {
    if (this.#absent) return;
    this.config.write(offset, width, value);
    const msix = this.capability('msix');
    if (msix !== null && this.msix !== null) {
      const control = this.config.get(msix + pci.PCI_MSIX_FLAGS, 2);
      const enabled = (control & pci.PCI_MSIX_FLAGS_ENABLE) !== 0;
      this.msix.control(enabled, (control & pci.PCI_MSIX_FLAGS_MASKALL) !== 0);
    }
    this.msi?.settle();
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
    this.msi?.reset();
    this.msix?.reset();
    this.setPin(false);
  }

  /** Whether it was pulled out. */
  get absent(): boolean {
    return this.#absent;
  }

  /** It is pulled out: nothing of it is reached any more, and it reaches nothing. */
  unplug(): void {
    this.setPin(false);
    this.#absent = true;
  }

  disableMemory(): void {
    this.updateConfig(pci.PCI_COMMAND, pci.PCI_COMMAND_MEMORY, false);
  }

  /** Interrupts without cause: a message, or a pulse of the pin. */
  interrupt(vector: number): void {
    if (this.messages) {
      this.signal(vector);
      return;
    }
    const level = this.#pin;
    this.setPin(false);
    this.setPin(true);
    this.setPin(level);
  }

  dmaRead(address: bigint, into: Uint8Array, options: TransferOptions = {}): void {
    checkU64(address, 'address');
    checkBytes(into, 'into');
    this.#checkMaster(address);
    this.#bus.read(address, into, options);
  }

  dmaWrite(address: bigint, from: Uint8Array, options: TransferOptions = {}): void {
    checkU64(address, 'address');
    checkBytes(from, 'from');
    this.#checkMaster(address);
    this.#bus.write(address, from, options);
  }

  get messages(): boolean {
    return this.msix?.enabled === true || this.msi?.enabled === true;
  }

  signal(vector: number): void {
    checkInteger(vector, 'vector', 0, 0xffff);
    if (this.msix?.enabled === true) this.msix.notify(vector);
    else this.msi?.notify(vector);
  }

  setPin(asserted: boolean): void {
    checkBoolean(asserted, 'the level of the pin');
    if (this.#absent) return;
    this.#pin = asserted;
    const status = this.config.get(pci.PCI_STATUS, 2) & ~pci.PCI_STATUS_INTERRUPT;
    this.config.set(pci.PCI_STATUS, 2, status | (asserted ? pci.PCI_STATUS_INTERRUPT : 0));
    this.#settlePin();
  }

  defer(work: () => void, ms = 0): void {
    if (typeof work !== 'function') throw new TypeError('work must be a function');
    if (!(ms >= 0 && ms < 2 ** 31))
      throw new RangeError(`ms must be from 0 to 2^31 - 1, not ${ms}`);
    this.#bus.defer(this, work, ms);
  }

  #findMsix(): HardwareFunction['msixPlace'] {
    const offset = this.capability('msix');
    if (offset === null) return null;
    const place = (register: number) => {
      const value = this.config.get(offset + register, 4);
      return { bar: value & pci.PCI_MSIX_BIR, offset: (value & ~pci.PCI_MSIX_BIR) >>> 0 };
    };
    const vectors =
      (this.config.get(offset + pci.PCI_MSIX_FLAGS, 2) & pci.PCI_MSIX_FLAGS_QSIZE) + 1;
    return { vectors, table: place(pci.PCI_MSIX_TABLE), pba: place(pci.PCI_MSIX_PBA) };
  }

  #settlePin(): void {
    const asserted = this.#pin && !this.#command(pci.PCI_COMMAND_INTX_DISABLE);
    const rose = asserted && !this.#asserted;
    this.#asserted = asserted;
    if (rose) this.#bus.pin();
  }

  /** Messages are memory writes of a bus master. */
  #send(message: Message): void {
    if (!this.#absent && this.#command(pci.PCI_COMMAND_MASTER)) this.#bus.message(message);
  }

  #checkMaster(address: bigint): void {
    if (!this.#command(pci.PCI_COMMAND_MASTER)) throw new DmaFault(address, 'no bus master');
  }

  #decoding(index: number): RegisterTable | undefined {
    const bar = this.#bars.get(index);
    if (bar === undefined || this.#absent || this.powerState >= pci.PCI_D3hot) return undefined;
    const bit = bar.shape.kind === 'io' ? pci.PCI_COMMAND_IO : pci.PCI_COMMAND_MEMORY;
    return this.virtual || this.#command(bit) ? bar.registers : undefined;
  }

  #command(bit: number): boolean {
    return (this.config.get(pci.PCI_COMMAND, 2) & bit) !== 0;
  }
}
