import test from 'ava';
import { answer, answers } from './lines.js';

const EDU = 'mock:edu';
const DMA_COMMAND = { region: 0, offset: 0x98 };

test('in a replay, an answer that equals the recorded answer has no field "recorded"', async (t) => {
  const line = { op: 'irq_info', index: 1, answer: { ok: true, flags: 9, count: 1 } };
  t.deepEqual(await answer(EDU, line), { ok: true, flags: 9, count: 1 });
});

test('if an answer differs from the record, the output of a replay contains the recorded answer', async (t) => {
  const recorded = { ok: true, flags: 9, count: 2 };
  t.deepEqual(await answer(EDU, { op: 'irq_info', index: 1, answer: recorded }), {
    ok: true,
    flags: 9,
    count: 1,
    recorded,
  });
  const failure = { ok: false, code: 'EINVAL', syscall: 'VFIO_DEVICE_GET_IRQ_INFO' };
  t.deepEqual(await answer(EDU, { op: 'irq_info', index: 3, answer: { ok: true } }), {
    ...failure,
    recorded: { ok: true },
  });
  t.deepEqual(await answer(EDU, { op: 'irq_info', index: 3, answer: failure }), failure);
});

test('a replay compares neither messages nor fields that are missing in the record', async (t) => {
  const refused = { ok: false, code: 'ERR_OP', message: 'another' };
  t.false('recorded' in (await answer(EDU, { op: 'fly', answer: refused })));
  t.false('recorded' in (await answer(EDU, { op: 'info', answer: { ok: true } })));
});

test('a replay compares integers above 2^53 in their printed form', async (t) => {
  const source = { region: 0, offset: 0x80, width: 8 };
  const value = '0xfedcba9876543210';
  const [, same, other] = await answers(EDU, [
    { op: 'mmio_write', ...source, value },
    { op: 'mmio_read', ...source, answer: { ok: true, value } },
    { op: 'mmio_read', ...source, answer: { ok: true, value: '0xfedcba9876543211' } },
  ]);
  t.false('recorded' in (same ?? {}));
  t.true('recorded' in (other ?? {}));
});

test('a replay repeats a read until a slow device gives the recorded answer', async (t) => {
  const replies = await answers(EDU, [
    { op: 'set_irqs', index: 1, flags: 0x24, start: 0, count: 1, fds: ['a'] },
    { op: 'write', region: 7, offset: 4, data: '0600' },
    { op: 'mmio_write', region: 0, offset: 0x90, width: 8, value: 0 },
    { op: 'mmio_write', ...DMA_COMMAND, width: 8, value: 5 },
    { op: 'mmio_read', ...DMA_COMMAND, width: 8, answer: { ok: true, value: 4 } },
    { op: 'eventfd_read', name: 'a', answer: { ok: true, value: '1+' } },
  ]);
  t.deepEqual(replies.at(-2), { ok: true, value: 4n });
  t.deepEqual(replies.at(-1), { ok: true, value: 1n });
});

test('a replay adds the counts of several reads until the sum equals the recorded count', async (t) => {
  const loopback = { op: 'set_irqs', index: 1, flags: 0x21, start: 0, count: 1 };
  const replies = await answers(EDU, [
    { ...loopback, flags: 0x24, fds: ['a'] },
    loopback,
    loopback,
    { op: 'eventfd_read', name: 'a', answer: { ok: true, value: 2 } },
    { op: 'eventfd_read', name: 'a', answer: { ok: true, value: '1+' } },
  ]);
  t.deepEqual(replies.at(-2), { ok: true, value: 2n });
  t.deepEqual(replies.at(-1), { ok: true, value: 0n, recorded: { ok: true, value: '1+' } });
});

const BIND = { op: 'set_irqs', index: 1, flags: 0x24, start: 0, count: 1, fds: ['a'] };
const SIGNAL = { op: 'set_irqs', index: 1, flags: 0x21, start: 0, count: 1 };
const expect = (value: number | string) => ({
  op: 'eventfd_read',
  name: 'a',
  answer: { ok: true, value },
});

test('a replay accepts merged interrupts, but not a missing interrupt', async (t) => {
  const replies = await answers(EDU, [BIND, SIGNAL, expect(3), expect(1)]);
  t.deepEqual(replies.at(-2), { ok: true, value: 1n });
  t.deepEqual(replies.at(-1), { ok: true, value: 0n, recorded: { ok: true, value: 1 } });
});

test('in a replay, an early interrupt counts for the next read of the eventfd', async (t) => {
  const script = [BIND, SIGNAL, expect(0), expect('1+'), SIGNAL, SIGNAL, expect(1), expect(1)];
  const replies = await answers(EDU, [...script, expect(1)]);
  t.deepEqual(
    replies.map(({ recorded }) => recorded !== undefined),
    [...script.map(() => false), true],
  );
});

test('a replay compares a failed read of an eventfd', async (t) => {
  const failure = { ok: false, code: 'ERR_OP' };
  const read = { op: 'eventfd_read', name: 'none' };
  t.false('recorded' in (await answer(EDU, { ...read, answer: failure })));
  t.true('recorded' in (await answer(EDU, { ...read, answer: { ok: true, value: 0 } })));
  t.true('recorded' in (await answer(EDU, BIND, { ...expect(0), answer: failure })));
});

test('a line with a recorded answer that is not an object gives ERR_OP', async (t) => {
  const { ok, code } = await answer(EDU, { op: 'info', answer: 1 });
  t.deepEqual({ ok, code }, { ok: false, code: 'ERR_OP' });
  t.is((await answer(EDU, { answer: {} })).code, 'ERR_OP');
});
