import test from 'ava';
import {
  createEventfd,
  openDevice,
  pci,
  PhysicalSource,
  SoftwareSource,
  VfioError,
  VirtualMsi,
  type VirtualMsiOptions,
} from 'vfio/mock';
import fc from '../../fast-check.js';
import { FULL } from '../../full.js';
import { MsiRules } from './msi-rules.js';
import type { Sent } from './rules.js';

const CONTROL = 2;
const ENABLE = 1;

/** Offsets of the registers of a capability. */
function places({ bits = 64 }: Partial<VirtualMsiOptions>) {
  const data = bits === 64 ? 12 : 8;
  return { data, mask: data + 4, pending: data + 8 };
}

function emulated(options: VirtualMsiOptions) {
  const msi = new VirtualMsi(options);
  const software = new SoftwareSource(msi);
  software.emulate(0, msi.vectors);
  const eventfds = Array.from({ length: msi.vectors }, (_, vector) => {
    const eventfd = createEventfd();
    msi.connect(vector, eventfd);
    return eventfd;
  });
  const taken = () => eventfds.map((eventfd) => Number(eventfd.read()));
  return { msi, software, taken, ...places(options) };
}

/** The value of Message Control's low byte that enables 2^`log2` vectors. */
const enabling = (log2: number) => (log2 << 4) | ENABLE;

for (const bits of [32, 64] as const) {
  for (const maskable of [false, true]) {
    const shape = { vectors: 8, bits, maskable } as const;
    const name = `${bits} bits, ${maskable ? 'with' : 'without'} mask bits`;

    test(`${name}: the decoder of configuration space reads the capability`, (t) => {
      const { msi, data } = emulated({ ...shape, next: 0x60 });
      t.is(msi.size, 12 + (bits === 64 ? 4 : 0) + (maskable ? 8 : 0));
      msi.configWrite(4, 4, 0xfee0_1003);
      if (bits === 64) msi.configWrite(8, 4, 0x12);
      msi.configWrite(data, 2, 0x4040);
      msi.configWrite(CONTROL, 1, enabling(2));
      const config = new Uint8Array(256);
      config[0x06] = 0x10;
      config[0x34] = 0x40;
      for (let i = 0; i < msi.size; i++) config[0x40 + i] = msi.configRead(i, 1);
      t.is(pci.walkCapabilities(config)[0]?.name, 'msi');
      t.is(config[0x41], 0x60);
      t.deepEqual(pci.DECODERS.msi(config, 0x40), {
        enabled: true,
        vectors: 8,
        vectorsEnabled: 4,
        address64: bits === 64,
        perVectorMasking: maskable,
        address: bits === 64 ? 0x12_fee0_1000n : 0xfee0_1000n,
        data: 0x4040,
        mask: 0,
        pending: 0,
      });
    });

    test(`${name}: any sequence of accesses and signals behaves like the specification`, (t) => {
      const vector = fc.nat(7);
      const command = fc.oneof(
        fc.record({ fire: vector }),
        fc.record({ withdraw: vector }),
        fc.record({ enabled: fc.boolean(), log2: fc.nat(7), wide: fc.boolean() }),
        fc.record({ mask: fc.nat(0xffff) }),
        fc.record({ data: fc.nat(0xffff) }),
        fc.record({ reset: fc.constant(true) }),
      );
      let commands = 0;
      const property = fc.property(fc.array(command, { maxLength: 60, size: 'max' }), (script) => {
        const rules = new MsiRules(8, maskable);
        const routed: number[] = [];
        const sent: Sent[] = [];
        const route = (v: number, message: { data: number }) => {
          routed[v] = message.data;
        };
        const msi = new VirtualMsi({ ...shape, route });
        const { data, mask, pending } = places(shape);
        const software = new SoftwareSource(msi);
        software.emulate(0, 8);
        for (let v = 0; v < 8; v++) {
          const signal = () => void sent.push({ vector: v, data: routed[v] ?? -1 });
          msi.connect(v, { fd: null, signal, read: () => 0n, close: () => undefined });
        }
        for (const one of script) {
          commands++;
          if ('fire' in one) {
            const refused = rules.fire(one.fire) === 'refused';
            let code = 'none';
            try {
              software.sendSignal(one.fire);
            } catch (error) {
              code = (error as VfioError).code;
            }
            if (code !== (refused ? 'EINVAL' : 'none')) throw new Error(`fire: ${code}`);
          } else if ('withdraw' in one) {
            rules.withdraw(one.withdraw);
            software.withdraw(one.withdraw);
          } else if ('mask' in one) {
            rules.mask(one.mask);
            if (maskable) msi.configWrite(mask, 4, one.mask);
          } else if ('data' in one) {
            rules.data = one.data;
            msi.configWrite(data, 2, one.data);
          } else if ('reset' in one) {
            rules.reset();
            msi.reset();
          } else {
            const control = (one.log2 << 4) | (one.enabled ? ENABLE : 0);
            rules.control(one.enabled, 2 ** one.log2);
            if (one.wide) msi.configWrite(0, 4, control * 0x1_0000);
            else msi.configWrite(CONTROL, 2, control);
          }
          const expected = JSON.stringify(rules.sent.splice(0));
          const got = JSON.stringify(sent.splice(0));
          if (got !== expected) throw new Error(`sent ${got}, not ${expected}`);
          const bitsSet = maskable ? msi.configRead(pending, 4) : 0;
          if (bitsSet !== rules.pendingBits()) throw new Error(`pending ${bitsSet}`);
        }
      });
      fc.assert(property, { numRuns: FULL ? 5000 : 300 });
      t.log(`${commands} commands`);
      t.true(commands > 3000);
    });
  }
}

test('Multiple Message Enable takes effect at the next Enable', (t) => {
  const { msi, software, taken } = emulated({ vectors: 4 });
  msi.configWrite(CONTROL, 2, enabling(1));
  t.is(msi.guestMessage.vectors, 2);
  t.is(software.sendSignal(1), 'delivered');
  t.throws(() => software.sendSignal(2), { instanceOf: VfioError, code: 'EINVAL' });
  t.throws(() => software.sendSignals([0, 3]), { instanceOf: VfioError, code: 'EINVAL' });
  msi.configWrite(CONTROL, 2, enabling(2));
  t.is(msi.configRead(CONTROL, 1), 0x80 | enabling(2) | (2 << 1), 'the register reads as written');
  t.throws(() => software.sendSignal(2), { instanceOf: VfioError, code: 'EINVAL' });
  msi.configWrite(CONTROL, 2, 2 << 4);
  t.is(msi.guestMessage.vectors, 0);
  t.is(software.sendSignal(3), 'disabled');
  msi.configWrite(CONTROL, 2, enabling(2));
  t.is(software.sendSignals([0, 2, 3]), 3);
  t.deepEqual(taken(), [1, 1, 1, 1]);
});

test('only the vectors that the guest has enabled are requested from the source', async (t) => {
  await using device = await openDevice('mock:nvme');
  using physical = new PhysicalSource(device.connection);
  const msi = new VirtualMsi({ vectors: 4, maskable: true });
  msi.attach(physical);
  msi.configWrite(16, 4, 0b0010);
  msi.configWrite(CONTROL, 2, enabling(1));
  const states = () => [0, 1, 2, 3].map((vector) => msi.state(vector));
  t.deepEqual(states(), ['requested', 'idle', 'idle', 'idle']);
  const eventfd = device.createEventfd();
  msi.connect(1, eventfd);
  msi.configWrite(16, 4, 0);
  t.deepEqual(states(), ['requested', 'requested', 'idle', 'idle']);
  device.connection.setIrqs({ index: 2, flags: 0x21, start: 1, count: 1 });
  t.is(eventfd.read(), 1n);
  msi.configWrite(16, 1, 0b0010);
  device.connection.setIrqs({ index: 2, flags: 0x21, start: 1, count: 1 });
  t.is(msi.configRead(20, 4), 0b0010);
  msi.configWrite(16, 4, 0);
  t.is(eventfd.read(), 1n);
});

test('an access of 4 bytes can reach past the data register; the reserved bytes read 0', (t) => {
  const { msi } = emulated({ vectors: 1, bits: 32 });
  msi.configWrite(8, 4, 0xffff_ffff);
  t.is(msi.configRead(8, 4), 0xffff);
  t.throws(() => msi.configRead(12, 4), { instanceOf: RangeError });
});

test('options and arguments of a wrong type throw a TypeError', (t) => {
  const wrong = (options: object) => {
    t.throws(() => new VirtualMsi(options as VirtualMsiOptions), { instanceOf: TypeError });
  };
  wrong({});
  wrong({ vectors: 3 });
  wrong({ vectors: 64 });
  wrong({ vectors: 1, bits: 16 });
  wrong({ vectors: 1, maskable: 1 });
  wrong({ vectors: 1, maskabel: true });
  wrong({ vectors: 1, route: 5 });
  const { msi } = emulated({ vectors: 1 });
  const calls: readonly (() => unknown)[] = [
    () => {
      msi.configWrite(2, 2, 'x' as never);
    },
    () => {
      msi.configWrite(2, 3 as never, 0);
    },
    () => msi.configRead('0' as never, 1),
    () => msi.masked('0' as never),
  ];
  for (const call of calls) t.throws(call, { instanceOf: TypeError });
});
