// Registers a mock device that has vital product data. A command must import this file before other
// files.
import { registerModel } from '../../../lib/mock.js';

const name = [0x82, 4, 0, ...Buffer.from('Card')];
const fields = [0x90, 6, 0, ...Buffer.from('SN'), 3, ...Buffer.from('123')];

registerModel({
  name: 'vpd-card',
  shape: {
    vendorId: 0x1234,
    deviceId: 0x0d0d,
    classCode: 0xff0000,
    bars: [],
    capabilities: [{ name: 'vpd', offset: 0x40, data: Uint8Array.of(...name, ...fields, 0x78) }],
  },
  create: () => ({ registers: {}, reset: () => undefined }),
});
