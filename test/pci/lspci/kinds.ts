import type { Kind } from './bodies.js';

const VIRTIO = 0x1af4;

/**
 * Makes each entry of Enhanced Allocation long enough, because an entry that is too short crashes
 * lspci.
 */
function longEntries(body: DataView): void {
  for (let offset = 4; offset + 4 <= body.byteLength;) {
    const size = Math.max(4, body.getUint8(offset) & 7);
    body.setUint8(offset, (body.getUint8(offset) & 0xf8) | size);
    offset += 4 + 4 * size;
  }
}

const standard = (id: number, name: string, rest: Partial<Kind> = {}): Kind => ({
  id,
  name,
  extended: false,
  ...rest,
});
const extended = (id: number, name: string, rest: Partial<Kind> = {}): Kind => ({
  id,
  name,
  extended: true,
  ...rest,
});

/**
 * The capabilities that the tests compare with the output of lspci. For some capabilities in this
 * list, lspci prints only the name.
 */
export const KINDS: readonly Kind[] = [
  standard(0x01, 'power management'),
  standard(0x02, 'AGP'),
  standard(0x04, 'slot identification'),
  standard(0x05, 'MSI'),
  standard(0x06, 'CompactPCI hot swap'),
  standard(0x07, 'PCI-X'),
  standard(0x08, 'HyperTransport'),
  standard(0x08, 'HyperTransport, primary interface', {
    fix: (body) => {
      clear(body, 3, 0xe0);
    },
  }),
  standard(0x08, 'HyperTransport, secondary interface', {
    fix: (body) => {
      clear(body, 3, 0xe0);
      body.setUint8(3, body.getUint8(3) | 0x20);
    },
  }),
  standard(0x08, 'HyperTransport, MSI mapping', {
    fix: (body) => {
      body.setUint8(3, 0xa8);
    },
  }),
  standard(0x09, 'vendor specific'),
  standard(0x09, 'vendor specific of virtio', {
    fix: (body) => {
      const type = body.getUint8(3) % 10;
      body.setUint8(3, type);
      // lspci ends with an error if the structure of shared memory is too short.
      if (type === 8) body.setUint8(2, Math.max(24, body.getUint8(2)));
    },
    function: (config) => {
      config.setUint32(0, 0x1041_0000 | VIRTIO, true);
    },
  }),
  standard(0x09, 'vendor specific of Intel', {
    fix: (body) => {
      body.setUint8(2, body.getUint8(2) % 20);
      body.setUint8(3, (body.getUint8(3) & 0x11) | 1);
    },
    function: (config) => {
      config.setUint32(0, 0x1234_8086, true);
    },
  }),
  standard(0x0a, 'debug port'),
  standard(0x0b, 'CompactPCI resource control'),
  standard(0x0c, 'hot plug'),
  standard(0x0d, 'subsystem'),
  standard(0x0e, 'AGP 8x'),
  standard(0x0f, 'secure device'),
  standard(0x10, 'PCI Express'),
  standard(0x11, 'MSI-X'),
  standard(0x12, 'SATA'),
  standard(0x13, 'advanced features'),
  standard(0x14, 'Enhanced Allocation, of endpoints', {
    headers: [0],
    fix: (body) => {
      longEntries(body);
      clear(body, 2, 0xfc);
    },
  }),
  standard(0x14, 'Enhanced Allocation, of bridges', {
    headers: [1],
    fix: (body) => {
      longEntries(new DataView(body.buffer, 4));
      clear(body, 2, 0xfc);
    },
  }),
  standard(0x15, 'flattening portal bridge'),
  extended(0x01, 'AER'),
  extended(0x02, 'virtual channel'),
  extended(0x03, 'serial number'),
  extended(0x04, 'power budgeting'),
  // Clears bits 4 to 7. These bits are reserved, but lspci reads them as part of the element type.
  extended(0x05, 'root complex link', {
    fix: (body) => {
      clear(body, 4, 0xf0);
    },
  }),
  extended(0x06, 'root complex internal link'),
  // Clears the bit for the last device. If a range ends at the last device, lspci omits the end of
  // the range.
  extended(0x07, 'root complex event collector', {
    fix: (body) => {
      clear(body, 7, 0x80);
    },
  }),
  extended(0x08, 'multi-function virtual channel'),
  extended(0x09, 'virtual channel with MFVC'),
  extended(0x0a, 'root complex register block'),
  extended(0x0b, 'VSEC'),
  extended(0x0c, 'configuration access correlation'),
  extended(0x0d, 'ACS'),
  extended(0x0e, 'ARI'),
  extended(0x0f, 'ATS'),
  extended(0x10, 'SR-IOV'),
  extended(0x11, 'MR-IOV'),
  extended(0x12, 'multicast'),
  extended(0x13, 'PRI'),
  extended(0x15, 'resizable BAR'),
  extended(0x16, 'dynamic power allocation'),
  extended(0x17, 'TPH'),
  // Clears one bit of each scale. Two of the eight scales are reserved, but lspci prints numbers
  // for the reserved scales.
  extended(0x18, 'LTR', {
    fix: (body) => {
      clear(body, 5, 0x10);
      clear(body, 7, 0x10);
    },
  }),
  extended(0x19, 'secondary PCI Express'),
  extended(0x1a, 'protocol multiplexing'),
  extended(0x1b, 'PASID'),
  extended(0x1c, 'LN requester'),
  extended(0x1d, 'DPC'),
  extended(0x1e, 'L1 PM substates'),
  extended(0x1f, 'PTM'),
  extended(0x20, 'M-PCIe'),
  extended(0x21, 'FRS queueing'),
  extended(0x22, 'readiness time'),
  extended(0x23, 'DVSEC'),
  ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0xa].map((id) =>
    extended(0x23, `DVSEC ${id} of CXL`, {
      fix: (body) => {
        ofCxl(body, id);
      },
    }),
  ),
  extended(0x24, 'VF resizable BAR'),
  extended(0x25, 'data link feature'),
  extended(0x26, 'physical layer 16 GT/s'),
  extended(0x27, 'lane margining'),
  extended(0x28, 'hierarchy ID'),
  extended(0x29, 'NPEM'),
  extended(0x2a, 'physical layer 32 GT/s'),
  extended(0x2e, 'DOE'),
  extended(0x2f, 'device 3'),
  extended(0x2b, 'alternate protocol'),
  extended(0x30, 'IDE'),
  extended(0x30, 'IDE with few streams', {
    fix: (body) => {
      clear(body, 5, 0xe0);
      clear(body, 6, 0xfc);
    },
  }),
  extended(0x31, 'physical layer 64 GT/s'),
  extended(0x32, 'flit logging'),
  extended(0x33, 'flit performance'),
  extended(0x34, 'flit error injection'),
  extended(0x35, 'streamlined virtual channel'),
  // For a length below the header's length, lspci lists blocks up to the end of the image.
  extended(0x36, 'MMIO register block locator', {
    fix: (body) => {
      body.setUint8(4, body.getUint8(4) | 8);
    },
  }),
  extended(0x36, 'MMIO register block locator with few blocks', {
    fix: (body) => {
      body.setUint8(4, body.getUint8(4) | 8);
      clear(body, 5, 0x0f);
    },
  }),
];

function clear(body: DataView, offset: number, mask: number): void {
  body.setUint8(offset, body.getUint8(offset) & ~mask);
}

/**
 * The number of bytes that lspci reads from a CXL DVSEC, by DVSEC id. lspci ignores a smaller value
 * in the length field.
 */
const CXL_SIZES: Readonly<Record<number, number>> = { 2: 0x2c, 7: 0x20 };

/**
 * Replaces reserved codes, because a reserved code makes lspci read past the end of its table of
 * names.
 */
function ofCxl(body: DataView, id: number): void {
  const length = Math.max(CXL_SIZES[id] ?? 0, body.getUint8(8) & 0x7f);
  const revision = body.getUint8(6) & 3;
  body.setUint32(4, 0x1e98 + revision * 0x1_0000 + length * 0x10_0000, true);
  body.setUint16(8, id, true);
  if (id !== 0) return;
  for (const range of [0x1c, 0x2c]) {
    const code = body.getUint8(range);
    body.setUint8(range, (code & 3) | ((code % 3) << 2) | (((code >> 2) % 3) << 5));
    clear(body, range + 1, 0x18);
  }
}
