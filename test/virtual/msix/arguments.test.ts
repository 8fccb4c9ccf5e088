// Wrong arguments of the program throw. Accesses that a guest can make never throw.
import test from 'ava';
import { SoftwareSource, VfioError, VirtualMsix, type VirtualMsixOptions } from 'vfio/mock';
import { CONTROL, emulated, tableOf } from './guest.js';

test('unknown options and options of a wrong type throw a TypeError', (t) => {
  const place = { bar: 0, offset: 0x8000 };
  const options = { vectors: 1, table: { bar: 0, offset: 0 }, pba: place };
  const refused = (change: object, message?: RegExp) => {
    const wrong = { ...options, ...change } as VirtualMsixOptions;
    t.throws(() => new VirtualMsix(wrong), { instanceOf: TypeError, ...(message && { message }) });
  };
  refused({ vectros: 2 }, /unknown option 'vectros'; known: vectors, table/);
  refused({ route: 5 }, /route must be a function/);
  refused({ vectors: '1' });
  refused({ table: 0x2000 });
  refused({ pba: { ...place, offest: 1 } }, /pba has no 'offest'/);
  refused({ pba: { bar: '0', offset: 0x8000 } });
  refused({ next: null });
});

test('attach() refuses wrong sources and options, and attaches nothing', (t) => {
  const msix = tableOf(4);
  const source = new SoftwareSource(msix);
  const refused = (options: object) => {
    t.throws(
      () => {
        msix.attach(source, options);
      },
      { instanceOf: TypeError },
    );
  };
  refused({ frist: 1 });
  refused({ first: '1' });
  refused({ count: true });
  refused({ base: null });
  refused({ claim: 1 });
  refused({ flow: 'upfornt' });
  for (const other of [null, 5, {}, msix]) {
    t.throws(
      () => {
        msix.attach(other as never);
      },
      { instanceOf: TypeError, message: /^source must be a VectorSource, / },
    );
  }
  t.notThrows(() => {
    source.emulate(0, 4);
  });
});

test('arguments of a wrong type throw a TypeError, and values out of range a RangeError', (t) => {
  const { msix, software } = emulated(2);
  const calls: readonly ((wrong: never) => unknown)[] = [
    (wrong) => {
      msix.tableWrite(CONTROL, 4, wrong);
    },
    (wrong) => {
      msix.tableWrite(8, 8, wrong);
    },
    (wrong) => {
      msix.tableWrite(9, 4, wrong);
    },
    (wrong) => {
      msix.tableWrite(wrong, 4, 0);
    },
    (wrong) => {
      msix.tableWrite(0, wrong, 0);
    },
    (wrong) => {
      msix.pbaWrite(0, 4, wrong);
    },
    (wrong) => msix.tableRead(wrong, 4),
    (wrong) => msix.pbaRead(0, wrong),
    (wrong) => msix.configRead(0, wrong),
    (wrong) => {
      msix.configWrite(2, 2, wrong);
    },
    (wrong) => {
      msix.configWrite(wrong, 2, 0);
    },
    (wrong) => msix.masked(wrong),
    (wrong) => {
      msix.withdraw(wrong);
    },
    (wrong) => {
      msix.connect(0, wrong);
    },
    (wrong) => software.sendSignal(wrong),
    (wrong) => {
      software.emulate(wrong, 1);
    },
  ];
  for (const call of calls) t.throws(() => call('x' as never), { instanceOf: TypeError });
  t.throws(
    () => {
      msix.tableWrite(0, 4, 0n as never);
    },
    { instanceOf: TypeError },
  );
  for (const value of [-1, 2 ** 32, 0.5, NaN]) {
    t.throws(
      () => {
        msix.tableWrite(CONTROL, 4, value);
      },
      { instanceOf: RangeError },
    );
  }
  for (const value of [-1n, 2n ** 64n]) {
    t.throws(
      () => {
        msix.tableWrite(8, 8, value);
      },
      { instanceOf: RangeError },
    );
  }
  t.is(msix.tableRead(CONTROL, 4), 1, 'a refused write changes nothing');
  t.throws(
    () => {
      msix.setCookie(0, 1);
    },
    { instanceOf: VfioError, code: 'EINVAL' },
  );
});
