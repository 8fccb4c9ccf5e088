import test from 'ava';
import { Guard } from '../../lib/observe/guard.js';
import type { Observer, Subject } from '../../lib/observe/index.js';
import { observeObject } from '../../lib/observe/proxy.js';

const SUBJECT: Subject = { kind: 'device', device: 'd', via: 'cdev', id: 1 };
const silent: Observer = () => () => undefined;

class Counter {
  #n = 0;

  get n(): number {
    return this.#n;
  }

  set n(value: number) {
    this.#n = value;
  }

  add(n: number): this {
    this.#n += n;
    return this;
  }
}

test('a wrapped object has the setters, the class and the chained calls of the original', (t) => {
  const counter = observeObject(new Counter(), SUBJECT, silent);
  counter.n = 3;
  t.is(counter.add(1).add(1).n, 5);
  t.is(counter.add(1), counter);
  t.is(counter.constructor, Counter);
  t.true(counter instanceof Counter);
});

test('a method without its object fails as in the original', (t) => {
  const original = new Counter();
  // eslint-disable-next-line @typescript-eslint/unbound-method
  for (const { add } of [original, observeObject(original, SUBJECT, silent)]) {
    t.throws(() => Reflect.apply(add, undefined, [1]), { instanceOf: TypeError });
    const other = new Counter();
    Reflect.apply(add, other, [1]);
    t.is(other.n, 1);
  }
  t.is(original.n, 0);
});

test('a method that the program replaces is called and observed', (t) => {
  const methods: string[] = [];
  const counter = observeObject(new Counter(), SUBJECT, ({ method }) => {
    methods.push(method);
    return () => undefined;
  });
  counter.add(1);
  counter.add = () => counter;
  counter.add(1);
  t.is(counter.n, 1);
  t.deepEqual(methods, ['add', 'add']);
});

for (const when of ['before', 'after'] as const) {
  test(`an observer that throws ${when} a call stops once, and the call is unchanged`, async (t) => {
    const reasons: string[] = [];
    let calls = 0;
    const fail = () => {
      throw new Error('a bug');
    };
    const guard = new Guard('TEST', (reason) => {
      reasons.push(reason);
      return 'This line belongs to a test.';
    });
    const observer = guard.observer(() => {
      calls++;
      if (when === 'before') fail();
      return fail;
    });
    const refusal = new RangeError('refused');
    const object = observeObject(
      {
        add: (a: number, b: number) => a + b,
        refuse: () => {
          throw refusal;
        },
        refuseLater: () => Promise.reject(refusal),
      },
      SUBJECT,
      observer,
    );
    t.is(object.add(1, 2), 3);
    t.is(t.throws(object.refuse), refusal);
    t.is(await t.throwsAsync(object.refuseLater), refusal);
    guard.run(fail);
    t.deepEqual(reasons, ['a bug']);
    t.is(calls, 1);
  });
}
