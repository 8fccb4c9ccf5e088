import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import { openConnection, type PciDevice, VfioError } from 'vfio';
import { checkLostWindow } from './lost-window.js';
import { EDU, NVME, withDevice } from './targets.js';
import { PAGE_SIZE } from '../../lib/checks.js';

const EDU_IDENTIFICATION = 0x0100_00ed;

test.serial('regions report their size and their flags', async (t) => {
  await withDevice(t, NVME, (device) => {
    const bar = device.bar(0);
    t.is(bar.size, 0x4000n);
    t.true(bar.readable && bar.writable && bar.mappable);
    t.is(device.region(7).size, 4096n);
    t.false(device.region(7).mappable);
    t.is(device.bar(1).size, 0n);
    t.throws(() => device.region(64), { instanceOf: RangeError });
  });
});

test.serial('a mapping and the device file access the same registers', async (t) => {
  await withDevice(t, EDU, (device) => {
    using window = device.bar(0).map();
    t.is(window.read32(0), EDU_IDENTIFICATION);
    t.is(device.bar(0).load(0, 4), EDU_IDENTIFICATION);
    window.write32(4, 0x1234_5678);
    t.is(window.read32(4), ~0x1234_5678 >>> 0);
    device.bar(0).store(4, 4, 0x0f0f_0f0f);
    t.is(window.read32(4), 0xf0f0_f0f0);
  });
});

test.serial('a window maps a part of a region', async (t) => {
  await withDevice(t, EDU, (device) => {
    using window = device.bar(0).map({ offset: 0x40000, length: PAGE_SIZE });
    t.is(window.size, PAGE_SIZE);
    t.throws(() => device.bar(0).map({ offset: 1, length: PAGE_SIZE }), { instanceOf: RangeError });
    t.throws(() => device.bar(0).map({ offset: 0x100000, length: PAGE_SIZE }), {
      instanceOf: RangeError,
    });
  });
});

test.serial('a part of a window has its own offsets, and ends with the window', async (t) => {
  await withDevice(t, EDU, (device) => {
    using window = device.bar(0).map();
    const part = window.sub(0x80, 8).sub(0, 8);
    part.write32(0, 0x89ab_cdef);
    t.is(window.read32(0x80), 0x89ab_cdef);
    const block = new Uint8Array(4);
    part.readBlock(0, block, 4);
    t.deepEqual([...block], [0xef, 0xcd, 0xab, 0x89]);
    for (const offset of [8, -4, 2]) {
      t.throws(() => part.read32(offset), { instanceOf: RangeError });
    }
    t.throws(() => window.sub(window.size - 8, 16), { instanceOf: RangeError });
    t.throws(() => window.sub(4, 8), { instanceOf: RangeError });
    const closed = window.sub(0, 8);
    closed.close();
    t.throws(() => closed.read32(0), { code: 'EBADF' });
    t.is(window.read32(0), EDU_IDENTIFICATION);
    window.close();
    t.throws(() => part.read32(0), { code: 'EBADF' });
  });
});

test.serial('a 64-bit register is read and written by one access', async (t) => {
  await withDevice(t, EDU, (device) => {
    using window = device.bar(0).map();
    window.write64(0x80, 0x1234_5678_9abcn);
    t.is(window.read64(0x80), 0x1234_5678_9abcn);
  });
});

test.serial('a block is copied by accesses of the given width', async (t) => {
  await withDevice(t, EDU, (device) => {
    using window = device.bar(0).map();
    const block = new Uint8Array(8);
    window.readBlock(0, block, 4);
    t.is(new DataView(block.buffer).getUint32(0, true), EDU_IDENTIFICATION);
    window.writeBlock(0x80, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), 8);
    t.is(window.read64(0x80), 0x0807_0605_0403_0201n);
  });
});

test.serial(
  'an access that is misaligned or outside of a window throws a RangeError',
  async (t) => {
    await withDevice(t, EDU, (device) => {
      using window = device.bar(0).map();
      const outside = { instanceOf: RangeError };
      t.throws(() => window.read32(window.size), outside);
      t.throws(() => window.read32(-4), outside);
      t.throws(() => window.read32(2), outside);
      t.throws(() => window.read64(4), outside);
      t.throws(() => window.read8(0.5), outside);
      t.throws(() => {
        window.write16(1, 0);
      }, outside);
      t.throws(() => {
        window.readBlock(window.size - 4, new Uint8Array(8), 4);
      }, outside);
      window.close();
      t.throws(() => window.read32(0), { code: 'EBADF' });
      t.throws(
        () => {
          window.write32(0, 0);
        },
        { code: 'EBADF' },
      );
    });
  },
);

test.serial('an access outside of a region throws a RangeError and has no effect', async (t) => {
  await withDevice(t, NVME, (device) => {
    t.throws(() => device.bar(0).read(0x3ff8, 16), { instanceOf: RangeError });
    t.throws(() => device.bar(0).write(0x4000, new Uint8Array(4)), { instanceOf: RangeError });
    t.throws(() => device.bar(0).load(0x3fff, 2), { instanceOf: RangeError });
  });
});

test.serial(
  'a file read across the end of a BAR is short; a read past the end fails',
  async (t) => {
    const connection = await openConnection(NVME);
    t.teardown(() => {
      connection.close();
    });
    t.is(connection.read(0, 0x3ff8, new Uint8Array(16)), 8);
    t.throws(() => connection.read(0, 0x4000, new Uint8Array(4)), {
      instanceOf: VfioError,
      code: 'EINVAL',
    });
    t.throws(() => connection.read(7, 4094, new Uint8Array(4)), {
      instanceOf: VfioError,
      code: 'EFAULT',
    });
  },
);

test.serial('a file access to a BAR fails with EIO while memory decode is off', async (t) => {
  await withDevice(t, EDU, (device) => {
    device.config.update('command', { memory: 0 });
    t.throws(() => device.bar(0).load(0, 4), { instanceOf: VfioError, code: 'EIO' });
    device.config.update('command', { memory: 1 });
    t.is(device.bar(0).load(0, 4), EDU_IDENTIFICATION);
  });
});

const ONES = 0xffff_ffff;
const NVME_VERSION = 8;

/**
 * For each state, a function that makes the memory of a device unreachable, and a function that
 * restores the access.
 */
const GONE: Readonly<Record<string, [(device: PciDevice) => void, (device: PciDevice) => void]>> = {
  'memory decode off': [
    ({ config }) => {
      config.update('command', { memory: 0 });
    },
    ({ config }) => {
      config.update('command', { memory: 1 });
    },
  ],
  D3hot: [
    ({ config }) => {
      config.update('pm.control_status', { power_state: 3 });
    },
    ({ config }) => {
      config.update('pm.control_status', { power_state: 0 });
    },
  ],
};

for (const [name, [take, bringBack]] of Object.entries(GONE)) {
  test.serial(`${name}: a mapping reads all ones and drops writes, then recovers`, async (t) => {
    await checkLostWindow(t, take, bringBack);
  });
}

test.serial('an access to a mapping during a reset of the device does not crash', async (t) => {
  await withDevice(t, NVME, async (device) => {
    using window = device.bar(0).map();
    const version = window.read32(NVME_VERSION);
    let resetting = true as boolean;
    const reset = device.reset().then(() => (resetting = false));
    const seen = new Set<number>();
    while (resetting) {
      seen.add(window.read32(NVME_VERSION));
      await turn();
    }
    await reset;
    seen.delete(ONES);
    t.deepEqual([...seen], [version]);
    t.is(window.read32(NVME_VERSION), version);
    t.false(window.lost);
  });
});
