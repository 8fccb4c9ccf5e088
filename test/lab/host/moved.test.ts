// Tests that a MessageStore follows a message that the host changes. Without interrupt remapping,
// the host changes messages.
import test from 'ava';
import { kernelParameters } from '../../../lib/lab/machine.js';
import { runProgram } from './guest.js';

interface Move {
  readonly cpu: number;
  readonly remapped: boolean;
  readonly before: string;
  /** Whether the MSI-X table kept the old message until the next interrupt. */
  readonly waits: boolean;
  readonly after: string;
  readonly copy: string;
}

test('with intremap=off, a message changes when its interrupt moves to another CPU, and the store follows', async (t) => {
  t.timeout(300_000);
  const { exitCode, lines, errors } = await runProgram('moved', {
    devices: ['e1000e'],
    env: { VFIO_VIA: 'group' },
    qemuArgs: ['-append', [...kernelParameters('x64'), 'intremap=off'].join(' ')],
  });
  t.is(exitCode, 0, errors);
  const moves = lines.map((line) => JSON.parse(line) as Move);
  for (const move of moves) t.log(JSON.stringify(move));
  t.deepEqual(
    moves.map(({ cpu }) => cpu),
    [1, 0, 1],
  );
  for (const { remapped, waits, before, after, copy } of moves) {
    t.false(remapped);
    t.true(waits);
    t.not(after, before);
    t.is(copy, after);
  }
});
