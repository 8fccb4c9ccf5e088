// On a real kernel, a window of a BAR that is smaller than a page must end where the BAR ends. QEMU's SD host
// controller has a BAR of 256 bytes.
import test from 'ava';
import { openDevice } from 'vfio';

const SDHCI = '1b36:0007';

test.serial(
  'if a BAR is smaller than a page, a window of the BAR ends where the BAR ends',
  async (t) => {
    await using device = await openDevice(SDHCI);
    device.config.update('command', { memory: 1 });
    const window = device.bar(0).map();
    t.is(window.size, 0x100);
    // The version register of the SD Host Controller specification is not 0.
    t.not(window.read32(0xfc), 0);
    const outside = { instanceOf: RangeError, message: /exceed a window of 256 bytes/ };
    t.throws(() => window.read32(0x100), outside);
    t.throws(() => window.read8(0x200), outside);
    t.throws(() => {
      window.write32(0x100, 0);
    }, outside);
  },
);
