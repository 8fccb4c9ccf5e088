import { setTimeout as sleep } from 'node:timers/promises';
import { inspect, types } from 'node:util';
import type { hexdump, RegisterWindow, Width } from '../../index.js';
import { formatChange, formatValue } from '../watch/register-text.js';

const ROW = 16;
/** Number of bytes that `dump` shows by default. */
const DEFAULT_LENGTH = 256;
const WIDTHS: readonly unknown[] = [1, 2, 4, 8];

/** Options of `watch()` in the prompt. */
interface WatchOptions {
  readonly width?: Width;
  /** Seconds between two reads. */
  readonly interval?: number;
  /** Seconds after which the watch ends. */
  readonly seconds?: number;
}

const HELP = `device             the open device: device.config, device.dma, device.interrupts, …
config             configuration space: config.read16(0), config.update('command', { memory: 1 })
dma                DMA memory: const buffer = await dma.allocate(4096)
interrupts         interrupts: const vector = interrupts.msix.request(0); await vector.next()
bar0 … bar5        mapped registers: bar0.read32(0x1c), bar0.write32(0x14, 1)
vfio               the library
dump(bar0, 0, 64)  prints registers in hex, each read by one access of 4 bytes
dump(buffer.bytes) prints memory in hex
watch(bar0, 0x1c, { width, interval, seconds })
                   prints each change of a register until Ctrl-C; use with await
.exit              closes the device and ends the prompt`;

function read(window: RegisterWindow, offset: number, width: Width): bigint {
  if (width === 8) return window.read64(offset);
  if (width === 4) return BigInt(window.read32(offset));
  return BigInt(width === 2 ? window.read16(offset) : window.read8(offset));
}

/** Shows a text that the prompt prints without quotes. */
function shown(text: string): object {
  return { [inspect.custom]: () => text };
}

/** The functions that the prompt defines. */
export function helpers(
  format: typeof hexdump,
  print: (line: string) => void,
  onInterrupt: (stop: () => void) => () => void,
) {
  return {
    /** The prompt shows this text for the word `help`. */
    help: shown(HELP),

    /** Formats memory or registers. */
    dump(from: RegisterWindow | Uint8Array, offset = 0, length = DEFAULT_LENGTH, width: Width = 4) {
      checkWidth(width);
      if (types.isUint8Array(from)) {
        // An array that the prompt has created has another class Uint8Array.
        return shown(format(new Uint8Array(from.buffer, from.byteOffset, from.length)));
      }
      if (typeof (from as Partial<RegisterWindow> | null)?.read32 !== 'function') {
        throw new TypeError('dump() takes a register window or a Uint8Array');
      }
      const end = Math.min(offset + length, from.size);
      const lines: string[] = [];
      for (let row = offset; row < end; row += ROW) {
        const values: string[] = [];
        for (let at = row; at < Math.min(row + ROW, end); at += width) {
          values.push(formatValue(read(from, at, width), width));
        }
        lines.push(`${row.toString(16).padStart(8, '0')}  ${values.join(' ')}`);
      }
      return shown(lines.join('\n'));
    },

    /** Prints each change of a register. Resolves after `seconds`, or at Ctrl-C. */
    async watch(
      window: RegisterWindow,
      offset: number,
      { width = 4, interval = 0.1, seconds = Infinity }: WatchOptions = {},
    ): Promise<void> {
      checkWidth(width);
      const controller = new AbortController();
      const undo = onInterrupt(() => {
        controller.abort();
      });
      const { signal } = controller;
      const started = performance.now();
      let last: bigint | undefined;
      try {
        for (;;) {
          const value = read(window, offset, width);
          const elapsed = (performance.now() - started) / 1000;
          const text =
            last === undefined ? formatValue(value, width) : formatChange(last, value, width);
          if (value !== last) print(`${elapsed.toFixed(3).padStart(9)} s  ${text}`);
          last = value;
          if (signal.aborted || elapsed >= seconds) return;
          await sleep(interval * 1000, undefined, { signal }).catch(() => undefined);
        }
      } finally {
        undo();
      }
    },
  };
}

function checkWidth(width: unknown): void {
  if (!WIDTHS.includes(width))
    throw new RangeError(`width must be 1, 2, 4 or 8, not ${String(width)}`);
}
