import { closeSync, ftruncateSync, openSync, unlinkSync } from 'node:fs';
import { PAGE_SIZE } from '../../../../lib/checks.js';
import { native } from '../../../../lib/native/binding.js';
import { COMMANDS, header, words } from '../../../serve/raw-client.js';
import { DMA_READ, DMA_WRITE, type FakeDevice, type Message } from './fake-device.js';

const calls = native();
const BAR_SIZE = BigInt(3 * PAGE_SIZE);

/** @returns whether the behaviour has handled the message */
type Behaviour = (device: FakeDevice, message: Message) => boolean;

/** Handles one command; a correct server handles all other commands. */
function on(command: number, handle: (device: FakeDevice, message: Message) => void): Behaviour {
  return (device, message) => {
    if (message.command !== command) return false;
    handle(device, message);
    return true;
  };
}

function onBarRead(handle: (device: FakeDevice, message: Message) => void): Behaviour {
  return (device, message) => {
    const isBar = message.command === COMMANDS.regionRead && message.payload.readUInt32LE(8) === 0;
    if (isBar) handle(device, message);
    return isBar;
  };
}

/** Answers GET_REGION_INFO of BAR 0 in a special way. */
function onBarInfo(handle: (device: FakeDevice, message: Message) => void): Behaviour {
  return (device, message) => {
    const isBar =
      message.command === COMMANDS.getRegionInfo && message.payload.readUInt32LE(8) === 0;
    if (isBar) handle(device, message);
    return isBar;
  };
}

function version(text: string, numbers = 1 << 16): Behaviour {
  return on(COMMANDS.version, (device, message) => {
    device.reply(message, Buffer.concat([words(numbers), Buffer.from(text)]));
  });
}

function info(...fields: number[]): Behaviour {
  return on(COMMANDS.getInfo, (device, message) => {
    device.reply(message, words(16, ...fields));
  });
}

/** A read of the BAR is answered by bytes that are no reply to the read. */
function bytes(make: (message: Message) => Buffer): Behaviour {
  return onBarRead((device, message) => {
    device.sendBytes(make(message));
  });
}

/** Creates a file on tmpfs without a name, like a memfd. */
function memoryFile(size: number): number {
  const path = `/dev/shm/vfio-fake-${process.pid}-${performance.now()}`;
  const fd = openSync(path, 'wx+');
  unlinkSync(path);
  ftruncateSync(fd, size);
  return fd;
}

/** The bytes of struct vfio_region_info with one sparse area. */
function sparseInfo(offset: number, size: number, areaSize = size): Buffer {
  const capability = [1 | (1 << 16), 0, 1, 0, BigInt(offset), BigInt(areaSize)] as const;
  return Buffer.concat([words(64, 0xf, 0, 32, BAR_SIZE, 0n), words(...capability)]);
}

function shareBar(fileSize: number): Behaviour {
  let fd = -1;
  return onBarInfo((device, message) => {
    if (fd < 0) fd = memoryFile(fileSize);
    const whole = sparseInfo(PAGE_SIZE, PAGE_SIZE);
    const isLong = message.payload.readUInt32LE(0) >= whole.length;
    // The second page of the file begins with a register that a message cannot read.
    if (fileSize > PAGE_SIZE) calls.pwrite(fd, PAGE_SIZE, words(0xfeed_f00d));
    device.reply(message, isLong ? whole : whole.subarray(0, 32), [fd]);
  });
}

function shareFile(open: () => number): Behaviour {
  return onBarInfo((device, message) => {
    const fd = open();
    device.reply(message, words(32, 7, 0, 0, BAR_SIZE, 0n), [fd]);
    calls.close(fd);
  });
}

/** Copies a word of the client's memory to the register after the register that was written. */
function copyByMessages(device: FakeDevice, message: Message): void {
  const iova = message.payload.readBigUInt64LE(16);
  const at = Number(message.payload.readBigUInt64LE(0));
  device.command(DMA_READ, words(iova, 8n), ({ payload }) => {
    if (payload.length > 0) payload.copy(device.bar, at + 8, 16, 24);
    else device.bar.fill(0xee, at + 8, at + 16);
    device.command(DMA_WRITE, Buffer.concat([words(iova + 8n, 4n), words(0xc0de)]), (reply) => {
      device.bar.writeUInt32LE(reply.payload.length, at + 16);
      device.reply(message, message.payload.subarray(0, 16));
    });
  });
}

/** What a server does in place of the correct answer, by name. */
export const BEHAVIOURS: Readonly<Record<string, Behaviour>> = {
  correct: () => false,

  // Negotiation
  'version 1.0': version('', 1),
  'no JSON': version('{'),
  'no descriptors': version('{"capabilities":{"max_msg_fds":0}}\0'),
  'tiny transfers': version('{"capabilities":{"max_data_xfer_size":4}}\0'),
  'silent version': on(COMMANDS.version, () => undefined),
  'a short version, then a command': on(COMMANDS.version, (device, { id, command }) => {
    const read = Buffer.concat([header(1, DMA_READ, 32), words(0n, 8n)]);
    device.sendBytes(Buffer.concat([header(id, command, 16, 1), read]));
  }),
  'no PCI device': info(1, 9, 5),
  'no configuration space': info(3, 7, 5),
  'endless regions': info(3, 0xffff_ffff, 5),
  'endless interrupts': info(3, 9, 0xffff_ffff),
  'closes at once': on(COMMANDS.version, (device) => {
    device.close();
  }),

  // Replies
  'wrong id': bytes(({ id }) => header(id + 1, COMMANDS.regionRead, 16, 1)),
  'wrong command': bytes(({ id }) => header(id, COMMANDS.regionWrite, 16, 1)),
  'wrong type': bytes(({ id }) => header(id, COMMANDS.regionRead, 16, 2)),
  'size 0': bytes(({ id }) => header(id, COMMANDS.regionRead, 0, 1)),
  'size 15': bytes(({ id }) => header(id, COMMANDS.regionRead, 15, 1)),
  'size 2^31': bytes(({ id }) => header(id, COMMANDS.regionRead, 2 ** 31, 1)),
  'header only': bytes(({ id }) => header(id, COMMANDS.regionRead, 16, 1)),
  'too long': onBarRead((device, message) => {
    device.reply(message, Buffer.alloc(4096));
  }),
  silent: onBarRead(() => undefined),
  'half a message': bytes(({ id }) => header(id, COMMANDS.regionRead, 40, 1).subarray(0, 12)),
  'commands for ever': onBarRead((device) => {
    const send = () => {
      device.command(DMA_READ, words(0n, 8n), send);
    };
    send();
  }),
  'an unknown command': onBarRead((device, message) => {
    device.command(99, Buffer.alloc(0), ({ flags }) => {
      device.bar.writeUInt32LE(flags, 0);
      device.answer(message);
    });
  }),
  'errno 0': onBarRead((device, message) => {
    device.replyError(message, 0);
  }),
  'errno 2^31': onBarRead((device, message) => {
    device.replyError(message, 2 ** 31);
  }),
  'unexpected descriptors': onBarRead((device, message) => {
    const fds = Array.from({ length: 16 }, () => calls.eventfdCreate());
    device.reply(message, Buffer.concat([message.payload, words(1)]), fds);
    for (const fd of fds) calls.close(fd);
  }),
  '17 descriptors': onBarRead((device, message) => {
    const fd = calls.eventfdCreate();
    device.reply(message, Buffer.concat([message.payload, words(1)]), new Array(17).fill(fd));
    calls.close(fd);
  }),

  // Regions and interrupts
  'long region information': onBarInfo((device, message) => {
    device.reply(message, words(2 ** 31, 0xb, 0, 32, BAR_SIZE, 0n));
  }),
  'an endless chain': onBarInfo((device, message) => {
    const chain = words(2, 32, 0, 0, 0n, 0n);
    device.reply(message, Buffer.concat([words(64, 0xb, 0, 32, BAR_SIZE, 0n), chain]));
  }),
  'a large configuration space': on(COMMANDS.getRegionInfo, (device, message) => {
    const fd = calls.eventfdCreate();
    device.reply(message, words(32, 3, message.payload.readUInt32LE(8), 0, 1n << 40n, 0n), [fd]);
    calls.close(fd);
  }),
  'endless vectors': on(COMMANDS.getIrqInfo, (device, message) => {
    device.reply(message, words(16, 1, message.payload.readUInt32LE(8), 2 ** 31));
  }),
  'a shared page': shareBar(3 * PAGE_SIZE),
  'a short file': shareBar(PAGE_SIZE),
  'a sparse area beyond the region': onBarInfo((device, message) => {
    const fd = memoryFile(16 * PAGE_SIZE);
    device.reply(message, sparseInfo(2 * PAGE_SIZE, 8 * PAGE_SIZE), [fd]);
    closeSync(fd);
  }),
  'an eventfd in place of memory': shareFile(() => calls.eventfdCreate()),
  'a file of /proc in place of memory': shareFile(() => calls.open('/proc/self/maps', false)),

  // DMA
  'DMA by messages': (device, message) => {
    const isCopy =
      message.command === COMMANDS.regionWrite && message.payload.readUInt32LE(12) === 8;
    if (isCopy) copyByMessages(device, message);
    return isCopy;
  },
  'DMA before an interrupt': (device, message) => {
    const isStart =
      message.command === COMMANDS.regionWrite && message.payload.readUInt32LE(12) === 8;
    if (!isStart) return false;
    // The client is not waiting for a reply when the server sends its command.
    device.answer(message);
    const iova = message.payload.readBigUInt64LE(16);
    setTimeout(() => {
      device.command(DMA_READ, words(iova, 4n), ({ payload }) => {
        payload.copy(device.bar, 4, 16, 20);
        for (const fd of device.eventfds.values()) calls.eventfdSignal(fd);
      });
    }, 20);
    return true;
  },
  'DMA behind a reply': (device, message) => {
    const { id, command, payload } = message;
    if (command !== COMMANDS.regionWrite || payload.readUInt32LE(12) !== 8) return false;
    // The client receives the reply and the command of the server together.
    const reply = Buffer.concat([header(id, command, 32, 1), payload.subarray(0, 16)]);
    const read = words(payload.readBigUInt64LE(16), 4n);
    device.command(
      DMA_READ,
      read,
      () => {
        for (const fd of device.eventfds.values()) calls.eventfdSignal(fd);
      },
      reply,
    );
    return true;
  },
  'never reads replies': onBarRead((device, message) => {
    for (let n = 0; n < 1000; n++) {
      const payload = words(1n << 20n, 1n << 20n);
      device.sendBytes(Buffer.concat([header(n, DMA_READ, 32), payload]));
    }
    device.pause();
    device.answer(message);
  }),
};
