// A program that names its registers, for the tests of vfio trace.
import { defineRegisters, openDevice } from '../../../lib/index.js';

const nvme = defineRegisters('nvme', {
  cc: { offset: 0x14, width: 4, fields: { en: 0 } },
  csts: { offset: 0x1c, width: 4, access: 'ro', fields: { rdy: 0 } },
});
const doorbells = defineRegisters('doorbells', {
  bell: { offset: 0, width: 4, access: 'wo', count: 2, stride: 8 },
});

const device = await openDevice('mock:nvme');
device.config.update('command', { memory: 1, bus_master: 1 });
const window = device.bar(0).map();
const regs = nvme.on(window);
const { bell } = doorbells.on(window.sub(0x1000, 0x10));
regs.cc.write({ en: 1 });
regs.csts.read();
bell.at(1).value = 0;
window.read32(8);
device.close();
