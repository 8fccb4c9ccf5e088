import type { ExecutionContext } from 'ava';
import {
  type GuestMessages,
  type PciDevice,
  openDeviceSync,
  registerModel,
  type RegisterWindow,
  WindowRewriter,
  type WindowRewriterOptions,
} from 'vfio/mock';
import { openCard, WINDOW } from './wlan.js';

export interface Window {
  readonly device: PciDevice;
  readonly registers: RegisterWindow;
  readonly rewriter: WindowRewriter;
  readonly events: unknown[][];
  /** Messages of the guest; a test can replace the messages. */
  guest: GuestMessages;
  /** Reads three words of the device at an offset of the window. */
  readonly words: (offset: number) => number[];
  /** Reads three words by the rewriter. */
  readonly shown: (offset: number) => number[];
  /** Writes words by the rewriter: pairs of an offset and a value. */
  readonly write: (...writes: readonly (readonly [offset: number, value: number])[]) => void;
  /** Returns the words of the physical message of a vector, with the bits beside the address. */
  readonly physical: (vector: number, rest?: number) => number[];
  readonly raise: (source: number) => void;
}

const WORDS = [0, 4, 8];
/** The memory of the MSI-X card that stands for its window. */
const CARD_WINDOW = { region: 1, offset: 0x1000, size: 0x2000 } as const;

/** Opens mock:wlan?layout=irregular with a rewriter for MSI. */
export function openWindow(
  t: ExecutionContext,
  options: Partial<WindowRewriterOptions> = {},
  settings = '',
): Window {
  const card = openCard(t, `layout=irregular&${settings}`);
  return makeWindow(card.device, card.registers, card.raise, {
    place: WINDOW,
    index: 'msi',
    highBits: 0xff,
    ...options,
  });
}

/** Words of the guest's message. */
export const LOW = 0xfee0_0000;
export const ENABLE = 0x100;

/** The writes of a driver that programs a message. */
export const message = (offset: number, data: number, high = ENABLE) =>
  [
    [offset, LOW],
    [offset + 4, high],
    [offset + 8, data],
  ] as const;

/** The event of a message that was rewritten. */
export const rewritten = (offset: number, data: number, vector: number) => [
  'rewritten',
  offset,
  0xfee0_0000n,
  data,
  vector,
];

let cards = 0;

/** Opens a device with four MSI-X vectors and memory, with a rewriter for MSI-X. */
export function openMsixWindow(
  t: ExecutionContext,
  options: Partial<WindowRewriterOptions> = {},
): Window {
  const name = `msix-window-${cards++}`;
  registerModel({
    name,
    shape: {
      vendorId: 0x1234,
      deviceId: 1,
      classCode: 0,
      bars: [
        { index: 0, size: 0x1000 },
        { index: 1, size: 0x4000 },
      ],
      capabilities: [
        {
          name: 'msix',
          offset: 0x40,
          vectors: 4,
          table: { bar: 0, offset: 0 },
          pba: { bar: 0, offset: 0x800 },
        },
      ],
    },
    create: () => ({
      registers: { 1: [{ offset: 0, size: 0x4000, name: 'memory' }] },
      reset: () => undefined,
    }),
  });
  const device = openDeviceSync(`mock:${name}`);
  t.teardown(() => {
    device.close();
  });
  device.config.update('command', { memory: 1, bus_master: 1 });
  return makeWindow(device, device.bar(1).map(), () => undefined, {
    place: CARD_WINDOW,
    index: 'msix',
    highBits: 0xff,
    ...options,
  });
}

/** Changes the messages of a device, as a host does that moves the interrupts to another CPU. */
export function moveMessages({ messages }: PciDevice): void {
  const read = messages.read.bind(messages);
  messages.read = (index, vector) => {
    const message = read(index, vector);
    return { ...message, address: message.address + 0x2000n };
  };
}

function makeWindow(
  device: PciDevice,
  registers: RegisterWindow,
  raise: (source: number) => void,
  options: Omit<WindowRewriterOptions, 'guest'>,
): Window {
  const { index, place } = options;
  const rewriter = new WindowRewriter(device, { guest: () => window.guest, ...options });
  const events: unknown[][] = [];
  rewriter.on('rewritten', (offset, { address, data }, source) =>
    events.push(['rewritten', offset, address, data, source.vector]),
  );
  rewriter.on('failed', (offset, { address, data }, { code }) =>
    events.push(['failed', offset, address, data, code]),
  );
  const window: Window = {
    device,
    registers,
    rewriter,
    events,
    guest: { address: 0xfee0_0000n, data: 0x21, vectors: 1 },
    words: (offset) => WORDS.map((at) => registers.read32(place.offset + offset + at)),
    shown: (offset) => WORDS.map((at) => rewriter.read(offset + at, 4)),
    write: (...writes) => {
      for (const [offset, value] of writes) rewriter.write(offset, 4, value);
    },
    physical: (vector, rest = 0x100) => {
      const { address, data } = device.messages.read(index, vector);
      return [Number(address & 0xffff_ffffn), (Number(address >> 32n) | rest) >>> 0, data];
    },
    raise,
  };
  return window;
}
