import test from 'ava';
import { SoftwareSource, type VirtualMsix } from 'vfio/mock';
import fc from '../../fast-check.js';
import { COMMANDS_EXPECTED, RUNS } from '../../full.js';
import { CONTROL, DATA, ENABLE, FUNCTION_MASK, tableOf } from './guest.js';
import { Rules, type Sent } from './rules.js';

const VECTORS = 67;

/**
 * The library's MSI-X table. The consumer of each vector records each interrupt and its message
 * data.
 */
class Real {
  readonly sent: Sent[] = [];
  readonly msix: VirtualMsix;
  readonly software: SoftwareSource;
  readonly #data: number[] = [];

  constructor() {
    this.msix = tableOf(VECTORS, {
      route: (vector, { data }) => {
        this.#data[vector] = data;
      },
    });
    this.software = new SoftwareSource(this.msix);
    this.software.emulate(0, VECTORS);
    for (let vector = 0; vector < VECTORS; vector++) {
      const signal = () => {
        this.sent.push({ vector, data: this.#data[vector] ?? -1 });
      };
      this.msix.connect(vector, { fd: null, signal, read: () => 0n, close: () => undefined });
    }
  }
}

type Command = fc.Command<Rules, Real>;
let executed = 0;

function command(name: string, model: (m: Rules) => void, real: (r: Real) => void): Command {
  return {
    check: () => true,
    run: (m, r) => {
      executed++;
      model(m);
      real(r);
      agree(m, r);
    },
    toString: () => name,
  };
}

/** Compares the registers that a guest can see, and the interrupts that were sent. */
function agree(m: Rules, { msix, sent }: Real): void {
  const expected = JSON.stringify(m.sent);
  if (JSON.stringify(sent) !== expected) {
    throw new Error(`sent ${JSON.stringify(sent)}, not ${expected}`);
  }
  m.sent.length = 0;
  sent.length = 0;
  const bits = (msix.pbaRead(8, 8) << 64n) | msix.pbaRead(0, 8);
  if (bits !== m.pendingBits()) throw new Error(`pending ${bits}, not ${m.pendingBits()}`);
  const control = (m.enabled ? ENABLE : 0) | (m.functionMask ? FUNCTION_MASK : 0);
  if (msix.configRead(2, 2) !== (control | (VECTORS - 1))) throw new Error('message control');
  m.vectors.forEach(({ masked, data }, vector) => {
    const words = msix.tableRead(vector * 16 + DATA, 8);
    const wanted = (BigInt(masked) << 32n) | BigInt(data);
    if (words !== wanted) throw new Error(`entry ${vector} is ${words}, not ${wanted}`);
  });
}

// The commands use only five vectors, so several commands use the same vector. The five vectors are
// the first vector, the last vector, and the vectors next to a border of a 64-bit word.
const vector = fc.constantFrom(0, 1, 63, 64, VECTORS - 1);
const data = fc.integer({ min: 0, max: 0xffff });

const commands = [
  vector.map((v) =>
    command(
      `fire ${v}`,
      (m) => {
        m.fire(v);
      },
      ({ software }) => {
        software.sendSignal(v);
      },
    ),
  ),
  vector.map((v) =>
    command(
      `withdraw ${v}`,
      (m) => {
        m.withdraw(v);
      },
      ({ software }) => {
        software.withdraw(v);
      },
    ),
  ),
  fc.tuple(vector, fc.boolean(), fc.nat(0x7fff_ffff)).map(([v, masked, reserved]) =>
    command(
      `mask ${v} ${masked}`,
      (m) => {
        m.write(v, { masked });
      },
      ({ msix }) => {
        msix.tableWrite(v * 16 + CONTROL, 4, (reserved * 2 + Number(masked)) >>> 0);
      },
    ),
  ),
  fc.tuple(vector, data).map(([v, value]) =>
    command(
      `data ${v} ${value}`,
      (m) => {
        m.write(v, { data: value });
      },
      ({ msix }) => {
        msix.tableWrite(v * 16 + DATA, 4, value);
      },
    ),
  ),
  fc.tuple(vector, data, fc.boolean()).map(([v, value, masked]) =>
    command(
      `data and mask ${v} ${value} ${masked}`,
      (m) => {
        m.write(v, { data: value, masked });
      },
      ({ msix }) => {
        msix.tableWrite(v * 16 + DATA, 8, (BigInt(masked) << 32n) | BigInt(value));
      },
    ),
  ),
  fc.tuple(fc.boolean(), fc.boolean(), fc.constantFrom(1, 2, 4)).map(([enabled, mask, width]) =>
    command(
      `control ${enabled} ${mask}`,
      (m) => {
        m.control(enabled, mask);
      },
      ({ msix }) => {
        const byte = (enabled ? 0x80 : 0) | (mask ? 0x40 : 0);
        if (width === 1) msix.configWrite(3, 1, byte);
        else if (width === 2) msix.configWrite(2, 2, byte * 256);
        else msix.configWrite(0, 4, byte * 2 ** 24);
      },
    ),
  ),
  fc.tuple(vector, fc.constantFrom(1, 2)).map(([v, width]) =>
    command(
      `dropped write ${v}`,
      () => undefined,
      ({ msix }) => {
        msix.tableWrite(v * 16 + CONTROL, width, 0);
        msix.tableWrite(v * 16 + 4, 8, 0n);
      },
    ),
  ),
  fc.constant(
    command(
      'reset',
      (m) => {
        m.reset();
      },
      ({ msix }) => {
        msix.reset();
      },
    ),
  ),
];

test('VirtualMsix behaves like the model of the specification for any sequence of commands', (t) => {
  const { numRuns, maxCommands } = RUNS;
  fc.assert(
    fc.property(fc.commands(commands, { maxCommands, size: 'max' }), (sequence) => {
      fc.modelRun(() => ({ model: new Rules(VECTORS), real: new Real() }), sequence);
    }),
    { numRuns },
  );
  t.log(`${executed} commands`);
  t.true(executed >= COMMANDS_EXPECTED);
});
