import type { DeviceHost, Register } from '../../hardware/model.js';
import { DmaFault } from '../../machine/dma-fault.js';
import * as dsa from './registers.js';

/** An error of a descriptor that no completion record contains. */
export interface WorkError {
  /** The status, DSA_COMP_*. */
  readonly status: number;
  readonly queue: number;
  readonly operation: number;
  readonly pasid: number | null;
  /** The address that could not be translated, or 0. */
  readonly address: bigint;
  /** The completion record that could not be written, or null. */
  readonly record: Uint8Array | null;
}

/** Bits of the first quadword of an event, and of SWERR. */
const DESC_VALID = 1n << 2n;
const WQ_IDX_VALID = 1n << 3n;
const FAULT_RW = 1n << 5n;
const GENCFG = dsa.GENCFG_RDBUF_LIMIT | dsa.GENCFG_USER_INT_EN | dsa.GENCFG_EVL_EN;
const GENCTRL = dsa.GENCTRL_SOFTERR_INT_EN | dsa.GENCTRL_HALT_INT_EN | dsa.GENCTRL_EVL_INT_EN;

/**
 * The errors that no completion record contains. If the event log is enabled, an error becomes an
 * entry of the log, which is a ring in memory. Otherwise the error is in the registers SWERR. The
 * registers GENCFG and GENCTRL enable the event log and the interrupts.
 */
export class ErrorLog {
  readonly registers: readonly Register[];
  readonly #host: DeviceHost;
  readonly #raise: (cause: number) => void;
  #config = 0;
  #control = 0;
  readonly #error = [0n, 0n, 0n, 0n];
  readonly #log = [0n, 0n];
  #head = 0;
  #tail = 0;
  #isPending = false;

  /** @param raise - raises the misc interrupt with a bit of INTCAUSE */
  constructor(host: DeviceHost, raise: (cause: number) => void) {
    this.#host = host;
    this.#raise = raise;
    this.registers = [
      {
        offset: dsa.IDXD_GENCFG_OFFSET,
        name: 'GENCFG',
        width: 4,
        read: () => this.#config,
        write: (value) => {
          if (this.#isEnabled !== ((value & dsa.GENCFG_EVL_EN) !== 0)) this.#head = this.#tail = 0;
          this.#config = value & GENCFG;
        },
      },
      {
        offset: dsa.IDXD_GENCTRL_OFFSET,
        name: 'GENCTRL',
        width: 4,
        read: () => this.#control,
        write: (value) => {
          this.#control = value & GENCTRL;
        },
      },
      ...this.#errorRegisters(),
      ...this.#logRegisters(),
    ];
  }

  /** Reports an error. */
  add(error: WorkError): void {
    if (this.#isEnabled) this.#append(error);
    else this.#setError(error);
  }

  reset(): void {
    this.#config = this.#control = this.#head = this.#tail = 0;
    this.#isPending = false;
    this.#error.fill(0n);
    this.#log.fill(0n);
  }

  get #isEnabled(): boolean {
    return (this.#config & dsa.GENCFG_EVL_EN) !== 0;
  }

  #errorRegisters(): Register[] {
    return this.#error.map((_, i) => ({
      offset: dsa.IDXD_SWERR_OFFSET + 8 * i,
      name: `SWERR ${i}`,
      width: 8,
      read: () => this.#error[i] ?? 0n,
      // A write of 1 to the bits `valid` and `overflow` clears the bits.
      write: (value) => {
        if (i === 0) this.#error[0] = (this.#error[0] ?? 0n) & ~(value & dsa.IDXD_SWERR_ACK);
      },
    }));
  }

  #logRegisters(): Register[] {
    const config = this.#log.map((_, i): Register => ({
      offset: dsa.IDXD_EVLCFG_OFFSET + 8 * i,
      name: `EVLCFG ${i}`,
      width: 8,
      read: () => this.#log[i] ?? 0n,
      // The configuration is read-only while the event log is enabled.
      write: (value) => {
        if (!this.#isEnabled) this.#log[i] = value;
      },
    }));
    return [
      ...config,
      {
        offset: dsa.IDXD_EVLSTATUS_OFFSET,
        name: 'EVLSTATUS head',
        width: 4,
        read: () => this.#head,
        write: (value) => {
          this.#head = value & 0xffff;
        },
      },
      {
        offset: dsa.IDXD_EVLSTATUS_OFFSET + 4,
        name: 'EVLSTATUS tail',
        width: 4,
        read: () => this.#tail | (this.#isPending ? dsa.EVLSTATUS_INT_PENDING : 0),
        write: (value) => {
          if ((value & dsa.EVLSTATUS_INT_PENDING) !== 0) this.#isPending = false;
        },
      },
    ];
  }

  #setError(error: WorkError): void {
    const isFirst = ((this.#error[0] ?? 0n) & dsa.IDXD_SWERR_VALID) === 0n;
    if (isFirst) {
      this.#error[0] = describe(error) | dsa.IDXD_SWERR_VALID;
      this.#error[2] = error.address;
    } else {
      this.#error[0] = (this.#error[0] ?? 0n) | dsa.IDXD_SWERR_OVERFLOW;
    }
    if ((this.#control & dsa.GENCTRL_SOFTERR_INT_EN) !== 0) this.#raise(dsa.IDXD_INTC_ERR);
  }

  /** Appends an entry to the log. If the log is full, the error is dropped. */
  #append(error: WorkError): void {
    const [base = 0n, size = 0n] = this.#log;
    const next = (this.#tail + 1) % Math.max(Number(size & 0xffffn), dsa.IDXD_EVL_SIZE_MIN);
    if (next === this.#head) return;
    const entry = new Uint8Array(dsa.EVL_ENTRY_SIZE);
    const view = new DataView(entry.buffer);
    view.setBigUint64(0, describe(error), true);
    view.setBigUint64(16, error.address, true);
    if (error.record !== null) entry.set(error.record, dsa.EVL_ENTRY_SIZE - dsa.COMPLETION_SIZE);
    const hasPasid = (base & dsa.EVLCFG_PASID_EN) !== 0n;
    const pasid = hasPasid ? Number((size >> dsa.EVLCFG_PASID_SHIFT) & 0xfffffn) : undefined;
    const address = (base & dsa.EVLCFG_BASE_ADDR) + BigInt(dsa.EVL_ENTRY_SIZE * this.#tail);
    try {
      this.#host.dmaWrite(address, entry, { pasid });
    } catch (fault) {
      if (!(fault instanceof DmaFault)) throw fault;
      return;
    }
    this.#tail = next;
    if (this.#isPending || (this.#control & dsa.GENCTRL_EVL_INT_EN) === 0) return;
    this.#isPending = true;
    this.#raise(dsa.IDXD_INTC_EVL);
  }
}

/** Returns the first quadword of an event. SWERR has the same format, and two further bits. */
function describe({ status, queue, operation, pasid, address }: WorkError): bigint {
  const fields = BigInt(status) << 8n;
  const work = (BigInt(queue) << 16n) | (BigInt(operation) << 32n) | (BigInt(pasid ?? 0) << 40n);
  return fields | work | DESC_VALID | WQ_IDX_VALID | (address === 0n ? 0n : FAULT_RW);
}
