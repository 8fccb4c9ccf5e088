import test from 'ava';
import type { Vector } from '../../lib/device/vector.js';
import { VfioError } from '../../lib/errors.js';
import { type FakeConnection, openFake, withVectors } from './fake.js';

const COMMAND = 0x04;

/** Returns the hint of the error of a wait that times out. */
async function hintOf(vector: Vector): Promise<string> {
  const error = await vector.next({ timeout: 0 }).catch((reason: unknown) => reason);
  if (!(error instanceof VfioError) || error.code !== 'ETIMEDOUT') throw error;
  return error.hint ?? '';
}

test('without bus mastering, the error of a timeout says how to enable bus mastering', async (t) => {
  const { a, connection } = withVectors(1);
  t.regex(
    await hintOf(a),
    /bus_master.*no msix: device\.config\.update\('command', \{ bus_master: 1/,
  );
  connection.config[COMMAND] = 0x06;
  t.is(await hintOf(a), '');
});

test('a device that does not respond is named in the error of a timeout', async (t) => {
  const { a, connection } = withVectors(1);
  connection.config.fill(0xff, COMMAND, COMMAND + 2);
  t.regex(await hintOf(a), /does not respond/);
});

test('INTx needs no bus mastering, but the bit intx_disable must be clear', async (t) => {
  let fake: FakeConnection | undefined;
  const { device } = openFake((connection) => (fake = connection));
  const vector = device.interrupts.intx.request();
  t.is(await hintOf(vector), '');
  fake?.config.set([0x04], COMMAND + 1);
  t.regex(await hintOf(vector), /intx_disable: 0/);
});

test('if configuration space cannot be read, the error of a timeout has no hint', async (t) => {
  const { a, connection } = withVectors(1);
  connection.read = () => {
    throw new VfioError({ code: 'EIO', syscall: 'pread' });
  };
  t.is(await hintOf(a), '');
});
