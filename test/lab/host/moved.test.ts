// Without interrupt remapping the host moves messages, and stores follow.
import test from 'ava';
import { KERNEL_PARAMETERS } from '../../../lib/lab/machine.js';
import { runProgram } from './guest.js';

interface Move {
  readonly cpu: number;
  readonly remapped: boolean;
  readonly before: string;
  readonly after: string;
  readonly moved: boolean;
  readonly same: boolean;
}

test('intremap=off: the message moves with its interrupt, and the store follows', async (t) => {
  t.timeout(300_000);
  const { exitCode, lines, errors } = await runProgram('moved', {
    devices: ['e1000e'],
    env: { VFIO_VIA: 'group' },
    qemuArgs: ['-append', [...KERNEL_PARAMETERS, 'intremap=off'].join(' ')],
  });
  t.is(exitCode, 0, errors);
  const moves = lines.map((line) => JSON.parse(line) as Move);
  for (const move of moves) t.log(JSON.stringify(move));
  t.is(moves.length, 3);
  t.true(moves.every(({ remapped }) => !remapped));
  t.true(moves.every(({ same }) => same));
  // The first may have been there already.
  t.deepEqual(
    moves.slice(1).map(({ moved, before, after }) => moved && before !== after),
    [true, true],
  );
});
