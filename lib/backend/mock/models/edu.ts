import { defineModel } from './define.js';
import { IDENTITIES } from './identities.js';
import { defineRegisters } from '../../../registers/index.js';
import { modelRegisters } from '../hardware/model-registers.js';
import type { DeviceHost, DeviceLogic, Register } from '../hardware/model.js';
import { DmaFault } from '../machine/dma-fault.js';

/** Bits that the device sets in the interrupt status register. */
const FACTORIAL_DONE = 0x001;
const DMA_DONE = 0x100;
/** Bits of the DMA command register. */
const RUN = 0x1n;
const TO_HOST = 0x2n;
const INTERRUPT_WHEN_COPIED = 0x4n;
/** Address of the internal buffer, used as the source or as the destination of DMA. */
const BUFFER = 0x40000n;
const BUFFER_SIZE = 4096;
const PAGE = 4096;
/** Mask of the address bits for DMA, as in QEMU with dma_mask=0xffffffff. */
const DMA_MASK = 0xffff_ffffn;

/**
 * QEMU's educational device (QEMU's docs/specs/edu.rst). As in QEMU, a reset does not change the
 * registers of the device.
 */
export const edu = defineModel({
  name: 'edu',
  shape: {
    ...IDENTITIES.edu,
    interruptPin: 1,
    bars: [{ index: 0, size: 0x100000, bits: 32, widths: [4, 8], elsewhere: 0xff }],
    capabilities: [{ name: 'msi', offset: 0x40, vectors: 1 }],
  },
  create: (host) => new Edu(host),
});

const CONTROL = defineRegisters('edu', {
  identification: { offset: 0x00, width: 4, access: 'ro', reset: 0x010000ed },
  liveness: { offset: 0x04, width: 4 },
  factorial: { offset: 0x08, width: 4 },
  status: {
    offset: 0x20,
    width: 4,
    fields: { computing: { bits: 0, access: 'ro' }, interrupt: 7 },
  },
  interrupts: { offset: 0x24, width: 4, access: 'ro' },
  raise: { offset: 0x60, width: 4, access: 'wo' },
  acknowledge: { offset: 0x64, width: 4, access: 'wo' },
});

/** The registers of a DMA transfer. */
interface Transfer {
  source: bigint;
  destination: bigint;
  count: bigint;
  command: bigint;
}

class Edu implements DeviceLogic {
  readonly registers: DeviceLogic['registers'];
  readonly #host: DeviceHost;
  readonly #buffer = new Uint8Array(BUFFER_SIZE);
  readonly #dma: Transfer = { source: 0n, destination: 0n, count: 0n, command: 0n };
  readonly #control = modelRegisters(CONTROL);

  constructor(host: DeviceHost) {
    this.#host = host;
    this.registers = { 0: [...this.#controlRegisters(), ...this.#transferRegisters()] };
  }

  reset(): void {
    // QEMU's device does nothing at a reset.
  }

  /** The control registers respond only to accesses of 4 bytes. */
  #controlRegisters(): Register[] {
    const { registers, regs } = this.#control;
    regs.liveness.onWrite((value) => {
      regs.liveness.value = ~value;
    });
    regs.factorial.onWrite((value, before) => {
      // A write during a computation is dropped.
      regs.factorial.value = before;
      this.#compute(value);
    });
    regs.raise.onWrite((value) => {
      this.#raise(value);
    });
    regs.acknowledge.onWrite((value) => {
      this.#acknowledge(value);
    });
    regs.raise.onRead(readOnes);
    regs.acknowledge.onRead(readOnes);
    return registers.map((register) => ({ ...register, widths: [4] }));
  }

  #transferRegisters(): Register[] {
    const transfer = (offset: number, name: keyof Transfer): Register => ({
      offset,
      name: `dma ${name}`,
      width: 8,
      widths: [4, 8],
      read: () => this.#dma[name],
      write: (value) => {
        // A running transfer cannot be changed. A command without the RUN bit is dropped.
        const running = (this.#dma.command & RUN) !== 0n;
        if (running || (name === 'command' && (value & RUN) === 0n)) return;
        this.#dma[name] = value;
        if (name === 'command') {
          this.#host.defer(() => {
            this.#copy();
          });
        }
      },
    });
    return [
      transfer(0x80, 'source'),
      transfer(0x88, 'destination'),
      transfer(0x90, 'count'),
      transfer(0x98, 'command'),
    ];
  }

  #compute(n: number): void {
    const { factorial, status } = this.#control.regs;
    if (status.read().computing === 1) return;
    factorial.value = n;
    status.update({ computing: 1 });
    this.#host.defer(() => {
      factorial.value = factorialOf(n);
      status.update({ computing: 0 });
      if (status.read().interrupt === 1) this.#raise(FACTORIAL_DONE);
    });
  }

  #copy(): void {
    const { source, destination, count, command } = this.#dma;
    const toHost = (command & TO_HOST) !== 0n;
    const start = (toHost ? source : destination) - BUFFER;
    // If a transfer exceeds the buffer, no byte is copied.
    if (start >= 0n && start + count <= BigInt(BUFFER_SIZE)) {
      const bytes = this.#buffer.subarray(Number(start), Number(start + count));
      this.#transferPages((toHost ? destination : source) & DMA_MASK, bytes, toHost);
    }
    this.#dma.command &= ~RUN;
    if ((command & INTERRUPT_WHEN_COPIED) !== 0n) this.#raise(DMA_DONE);
  }

  /**
   * Copies bytes between host memory and the buffer. Each page is transferred by one DMA request.
   * The device ignores DMA faults.
   */
  #transferPages(address: bigint, bytes: Uint8Array, toHost: boolean): void {
    for (let done = 0; done < bytes.length;) {
      const at = address + BigInt(done);
      const part = bytes.subarray(done, done + PAGE - (Number(at) % PAGE));
      try {
        if (toHost) this.#host.dmaWrite(at, part);
        else this.#host.dmaRead(at, part);
      } catch (error) {
        if (!(error instanceof DmaFault)) throw error;
        // In QEMU, a DMA read with a fault returns zeros.
        if (!toHost) part.fill(0);
      }
      done += part.length;
    }
  }

  #raise(bits: number): void {
    const { interrupts } = this.#control.regs;
    interrupts.value |= bits;
    if (interrupts.value === 0) return;
    if (this.#host.messagesEnabled) this.#host.signal(0);
    else this.#host.setPin(true);
  }

  #acknowledge(bits: number): void {
    const { interrupts } = this.#control.regs;
    interrupts.value &= ~bits;
    if (interrupts.value === 0 && !this.#host.messagesEnabled) this.#host.setPin(false);
  }
}

/** Returns all ones. A write-only register and the bytes between registers have this value. */
function readOnes(): number {
  return 0xffff_ffff;
}

/** Returns n! modulo 2^32. The result is 0 for n >= 34. */
function factorialOf(n: number): number {
  if (n >= 34) return 0;
  let product = 1;
  for (let i = 2; i <= n; i++) product = Math.imul(product, i) >>> 0;
  return product;
}
