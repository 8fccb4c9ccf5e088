// Records a driver that has several writes in flight, and replays the record on an empty disk.
import { openSync, ftruncateSync, closeSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { temporaryFolder } from '../../native/helpers.js';
import { runProgram } from './guest.js';

const BLOCK = 4096;
const BLOCKS = 192;
const DISK = 64 << 20;

/** The contents that the example writes to a block. */
function patternOf(block: number): Buffer {
  const words = Uint32Array.from({ length: BLOCK / 4 }, (_, i) => ((block + 1) << 16) | i);
  return Buffer.from(words.buffer);
}

const CASES = [
  { inFlight: 1, access: 'exact' },
  { inFlight: 16, access: 'exact' },
  { inFlight: 16, access: 'any' },
] as const;

/** Runs replayed.js in a guest with an empty disk for the replay. */
async function replay({ inFlight, access }: (typeof CASES)[number]) {
  const image = join(temporaryFolder(), 'disk');
  const fd = openSync(image, 'w');
  ftruncateSync(fd, DISK);
  closeSync(fd);
  const ran = await runProgram('replayed', {
    devices: ['virtio-blk', 'virtio-blk,drive=scratch'],
    qemuArgs: ['-drive', `if=none,id=scratch,format=raw,cache=unsafe,file=${image}`],
    env: { VFIO_TEST_IN_FLIGHT: String(inFlight), VFIO_TEST_ACCESS: access },
  });
  return { ...ran, image };
}

let results: PromiseSettledResult<Awaited<ReturnType<typeof replay>>>[] = [];

// The guests spend much time waiting, so three guests at once take less time than one by one.
test.before(async () => {
  results = await Promise.allSettled(CASES.map((one) => replay(one)));
});

for (const [index, { inFlight, access }] of CASES.entries()) {
  test(`a replay writes only blocks that the driver wrote: ${inFlight} in flight, ${access} access`, (t) => {
    const result = results[index];
    if (result?.status !== 'fulfilled') throw result?.reason;
    const { exitCode, lines, errors, image } = result.value;
    t.log(lines.join('\n'));
    t.is(exitCode, 0, errors);
    t.true(lines.includes(`${BLOCKS} blocks read, 0 blocks differ`));
    const end = lines.at(-1);
    const stopped = lines.some((line) =>
      line.endsWith('differs from the record, so the replay stopped'),
    );
    t.is(end, stopped ? 'replay ended with 1' : 'replay ended with 0');
    // With one request in flight, the device has no choice.
    if (inFlight === 1) t.false(stopped);

    const disk = readFileSync(image);
    const empty = Buffer.alloc(BLOCK);
    const wrong: number[] = [];
    let written = 0;
    for (let block = 0; block < DISK / BLOCK; block++) {
      const now = disk.subarray(block * BLOCK, (block + 1) * BLOCK);
      if (block < BLOCKS && now.equals(patternOf(block))) written++;
      else if (!now.equals(empty)) wrong.push(block);
    }
    t.log(`${written} blocks written`);
    t.deepEqual(wrong, []);
    if (!stopped) t.is(written, BLOCKS);
  });
}
