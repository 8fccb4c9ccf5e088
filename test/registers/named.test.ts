import test from 'ava';
import { AccessDescriber } from '../../lib/registers/describer.js';
import { parseRegisterFile } from '../../lib/registers/file.js';
import { codecOf, RegisterNames } from '../../lib/registers/named.js';

const names = new RegisterNames(
  parseRegisterFile(
    JSON.stringify({
      regions: {
        bar0: {
          cap: { offset: 0, width: 8, access: 'ro', fields: { mqes: [15, 0], mps: [51, 48] } },
          cc: { offset: 0x14, width: 4, fields: { en: 0, iosqes: [19, 16], iocqes: [23, 20] } },
          csts: {
            offset: 0x1c,
            width: 4,
            fields: { rdy: { bits: 0, access: 'ro' }, err: { bits: 4, access: 'w1c' } },
          },
          sq: { offset: 0x1000, width: 4, access: 'wo', count: 4, stride: 8 },
          cq: { offset: 0x1004, width: 4, access: 'wo', count: 4, stride: 8 },
        },
        bar1: { cc: { offset: 0, width: 1 } },
        bar3: {
          port: {
            offset: '0x100',
            count: 32,
            stride: '0x80',
            registers: {
              cmd: { offset: '0x18', width: 4, fields: { st: 0 } },
              log: { offset: '0x40', width: 4, count: 2 },
            },
          },
        },
      },
    }),
    'card.json',
  ),
);

test('registers are found by name', (t) => {
  t.like(names.find('bar0.cc'), [{ name: 'bar0.cc', region: 'bar0', offset: 0x14 }]);
  t.like(names.find('bar0.cq[3]'), [{ name: 'bar0.cq[3]', offset: 0x101c }]);
  t.deepEqual(
    names.find('bar0.sq').map(({ name, offset }) => [name, offset]),
    [0, 1, 2, 3].map((i) => [`bar0.sq[${i}]`, 0x1000 + 8 * i]),
  );
  t.throws(() => names.find('bar0.ccc'), {
    message: "no register is named 'bar0.ccc': did you mean 'bar0.cc'?",
  });
  t.throws(() => names.find('bar3.prot[3].cmd'), {
    message: "no register is named 'bar3.prot[3].cmd': did you mean 'bar3.port.cmd'?",
  });
  t.throws(() => names.find('bar0.sq[4]'), { message: /bar0\.sq is 4 registers/ });
  t.throws(() => names.find('bar0.cc[0]'), { message: /bar0\.cc is not an array/ });
});

test('registers are found by offset, also the parts of a register and of an array', (t) => {
  const at = (offset: number, width: number, region = 'bar0') =>
    names.at(region, offset, width)?.name;
  t.is(at(0x14, 4), 'bar0.cc');
  t.is(at(0x14, 2), 'bar0.cc[15:0]');
  t.is(at(0x4, 4), 'bar0.cap[63:32]');
  t.is(at(0x1008, 4), 'bar0.sq[1]');
  t.is(at(0x101c, 4), 'bar0.cq[3]');
  t.is(at(0x1020, 4), undefined);
  t.is(at(0x10, 8), undefined);
  t.is(at(0, 1, 'bar1'), 'bar1.cc');
  t.is(at(0, 1, 'bar2'), undefined);
  const high = names.at('bar0', 4, 4);
  t.deepEqual(high && codecOf(high.layout).decode(0x000f_0000n), { mps: 15 });
});

test('registers of blocks are found by name and by offset', (t) => {
  t.like(names.find('bar3.port[3].cmd'), [{ name: 'bar3.port[3].cmd', offset: 0x298 }]);
  t.is(names.find('bar3.port.cmd').length, 32);
  t.is(names.find('bar3.port.log').at(-1)?.name, 'bar3.port[31].log[1]');
  t.is(names.at('bar3', 0x298, 4)?.name, 'bar3.port[3].cmd');
  t.is(names.at('bar3', 0x2c6, 2)?.name, 'bar3.port[3].log[1][31:16]');
  t.is(names.at('bar3', 0x29c, 4), undefined);
  t.is(names.at('bar3', 0x1118, 4), undefined);
  t.throws(() => names.find('bar3.port[32].cmd'), { message: /bar3\.port is 32 blocks/ });
  t.throws(() => names.find('bar3.port[1]'), { message: /is a block: .*: cmd, log$/ });
  t.throws(() => names.find('bar3.port.cm'), { message: /did you mean 'bar3\.port\.cmd'/ });
});

test('an access is described by its fields, and a write by the changed fields', (t) => {
  const describer = new AccessDescriber(names);
  const access = (isWrite: boolean, offset: number, value: bigint, device = 'mock:nvme') =>
    describer.describe({ device, region: 'bar0', offset, width: 4, isWrite, value });
  t.is(access(false, 0x14, 0n), 'bar0.cc -> 0x0 (en=0, iosqes=0, iocqes=0)');
  t.is(access(true, 0x14, 0x46_0000n), 'bar0.cc.iosqes <- 6, bar0.cc.iocqes <- 4');
  t.is(access(true, 0x14, 0x46_0001n), 'bar0.cc.en <- 1');
  t.is(access(true, 0x14, 0x46_0001n), 'bar0.cc <- 0x460001');
  // The values of another device are not known.
  t.is(access(true, 0x14, 0x1n, 'b'), 'bar0.cc.en <- 1, bar0.cc.iosqes <- 0, bar0.cc.iocqes <- 0');
  // A write of 1 clears the field, so the second write is a change again.
  t.is(access(true, 0x1c, 0x11n), 'bar0.csts.err <- 1');
  t.is(access(true, 0x1c, 0x10n), 'bar0.csts.err <- 1');
  t.is(access(true, 0x1000, 0x15n), 'bar0.sq[0] <- 0x15');
  t.is(access(true, 0x80, 1n), null);
});

test('a name means at most as many registers as an array can have', (t) => {
  const inner = { offset: 0, count: 2 ** 20, registers: { last: { offset: 0, width: 4 } } };
  const outer = { offset: 0, count: 2, registers: { inner } };
  const many = new RegisterNames(
    parseRegisterFile(JSON.stringify({ regions: { bar0: { outer } } }), 'many.json'),
  );
  t.throws(() => many.find('bar0.outer.inner.last'), {
    message: 'bar0.outer.inner.last means more than 1048576 registers: give an index',
  });
  t.is(many.find('bar0.outer[1].inner[3].last').length, 1);
});
