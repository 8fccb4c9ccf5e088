import { registerModel } from '../../lib/mock.js';

/** Offsets of the registers in BAR 0 of `mock:serve-card`. */
export const SIGNAL = 0;
export const PIN = 4;
export const SCRATCH = 8;
export const BROKEN = 16;
/** Offset of memory of 256 bytes. */
export const MEMORY = 256;

/** A card with 32 MSI vectors, 20 MSI-X vectors and an interrupt pin. */
registerModel({
  name: 'serve-card',
  shape: {
    vendorId: 0x1234,
    deviceId: 0x0001,
    classCode: 0xff0000,
    interruptPin: 1,
    bars: [{ index: 0, size: 4096 }],
    capabilities: [
      { name: 'msi', offset: 0x40, vectors: 32 },
      {
        name: 'msix',
        offset: 0x60,
        vectors: 20,
        table: { bar: 0, offset: 1024 },
        pba: { bar: 0, offset: 2048 },
      },
      { name: 'pcie', offset: 0x80 },
    ],
  },
  create(host) {
    let scratch = 0n;
    return {
      registers: {
        0: [
          {
            name: 'signal',
            offset: SIGNAL,
            width: 4,
            write: (vector) => {
              host.signal(vector);
            },
          },
          {
            name: 'pin',
            offset: PIN,
            width: 4,
            write: (level) => {
              host.setPin(level !== 0);
            },
          },
          {
            name: 'scratch',
            offset: SCRATCH,
            width: 8,
            read: () => scratch,
            write: (value) => {
              scratch = value;
            },
          },
          {
            name: 'broken',
            offset: BROKEN,
            width: 4,
            read: () => {
              throw new Error('the model is broken');
            },
          },
          { name: 'memory', offset: MEMORY, size: 256 },
        ],
      },
      reset() {
        scratch = 0n;
      },
    };
  },
});
