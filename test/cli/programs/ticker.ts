/**
 * Registers the mock device mock:ticker, which raises interrupts by itself. Usage: `node --import
 * <this file>`. On SIGUSR2, the mock host requests the device back.
 */
import { mockControl, registerModel } from '../../../lib/mock.js';

const PERIOD = 2;

registerModel({
  name: 'ticker',
  shape: {
    vendorId: 0x1234,
    deviceId: 0x71c4,
    classCode: 0xff0000,
    bars: [{ index: 0, size: 0x1000 }],
    capabilities: [
      {
        ...{ name: 'msix', offset: 0x40, vectors: 8 },
        ...{ table: { bar: 0, offset: 0x800 }, pba: { bar: 0, offset: 0xc00 } },
      },
    ],
  },
  create(host) {
    const tick = () => {
      host.signal(0);
      host.signal(5);
      host.defer(tick, PERIOD);
    };
    host.defer(tick, PERIOD);
    return { registers: { 0: [] }, reset: () => undefined };
  },
});

process.on('SIGUSR2', () => {
  mockControl('mock:ticker').requestDevice();
});
