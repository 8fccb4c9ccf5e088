import test from 'ava';
import { mockControl, openDevice, poll } from '../../lib/mock.js';

test('poll() returns the first truthy result', async (t) => {
  let calls = 0;
  t.is(await poll(() => ++calls === 3 && 'ready', { timeout: 5000 }), 'ready');
  t.is(calls, 3);
  t.is(await poll(async () => Promise.resolve(7)), 7);
});

test('poll() rejects with ETIMEDOUT, after at least two calls', async (t) => {
  let calls = 0;
  const error = await t.throwsAsync(
    poll(() => ++calls === 0, { timeout: 2 }),
    { code: 'ETIMEDOUT' },
  );
  t.true(calls >= 2);
  t.true(error.message.includes('the condition is not true after 2 ms'));
});

test('poll() rejects with an AbortError whose cause is the reason', async (t) => {
  const controller = new AbortController();
  const waiting = poll(() => false, { signal: controller.signal });
  controller.abort('enough');
  const error = await t.throwsAsync(waiting, { name: 'AbortError', code: 'ABORT_ERR' });
  t.is(error.cause, 'enough');
});

test('poll() rejects with the exception of the function', async (t) => {
  await t.throwsAsync(
    poll(() => {
      throw new RangeError('no such queue');
    }),
    { instanceOf: RangeError, message: 'no such queue' },
  );
});

test('the stopped clock of a mock measures the timeout', async (t) => {
  await using device = await openDevice('mock:edu#poll');
  const { clock } = mockControl('mock:edu#poll');
  clock.stop();
  const waiting = poll(() => false, { timeout: 60_000, device });
  clock.step(60_000);
  await t.throwsAsync(waiting, { code: 'ETIMEDOUT' });
});

test('poll() refuses wrong arguments', async (t) => {
  await t.throwsAsync(poll(5 as never), { instanceOf: TypeError });
  await t.throwsAsync(
    poll(() => true, { timeout: -1 }),
    { instanceOf: RangeError },
  );
  await t.throwsAsync(
    poll(() => true, { device: {} as never }),
    { instanceOf: TypeError },
  );
  await t.throwsAsync(
    poll(() => true, { timeoutMs: 5 } as never),
    { instanceOf: TypeError },
  );
});
