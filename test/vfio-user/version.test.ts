import test from 'ava';
import { answerVersion, formatCapabilities, parseVersion } from '../../lib/vfio-user/version.js';

const parse = (text: string) => parseVersion(0, 1, Buffer.from(text));

test('absent capabilities have the default values of the protocol', (t) => {
  const defaults = { maxFds: 1, maxTransfer: 2 ** 20, writeMultiple: false };
  for (const text of ['', '\0', '{}', '{}\0', '{"capabilities": {}}\0garbage']) {
    t.deepEqual(parse(text), { major: 0, minor: 1, capabilities: defaults });
  }
});

test('unknown capabilities are ignored', (t) => {
  const text = '{"capabilities": {"max_msg_fds": 8, "twin_socket": {"supported": true}}}\0';
  t.is(parse(text).capabilities.maxFds, 8);
});

test('values of wrong types are EINVAL', (t) => {
  for (const text of [
    '[',
    'null',
    '7',
    '{"capabilities": 7}',
    '{"capabilities": null}',
    '{"capabilities": {"max_msg_fds": "16"}}',
    '{"capabilities": {"max_msg_fds": -1}}',
    '{"capabilities": {"max_data_xfer_size": 1.5}}',
    '{"capabilities": {"max_data_xfer_size": 1e30}}',
    '['.repeat(100_000),
  ]) {
    t.throws(() => parse(text), { code: 'EINVAL' }, text.slice(0, 50));
  }
});

test('the answer has the minor version of the client, or the newest known one', (t) => {
  const answer = (major: number, minor: number) =>
    answerVersion(parseVersion(major, minor, Buffer.alloc(0)));
  t.is(answer(0, 0).minor, 0);
  t.is(answer(0, 1).minor, 1);
  t.is(answer(0, 9).minor, 1);
  t.throws(() => answer(1, 0), { code: 'ENOTSUP' });
});

test('formatted capabilities are parsed again', (t) => {
  const capabilities = { maxFds: 16, maxTransfer: 4096, writeMultiple: true };
  const text = formatCapabilities(capabilities);
  t.is(text.at(-1), 0);
  t.deepEqual(parseVersion(0, 1, text).capabilities, capabilities);
});
