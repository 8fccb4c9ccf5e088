// Tests that the lists in the documentation pages match the lists in the code.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { MockBackend } from '../../lib/backend/mock/index.js';
import { ModelRegistry } from '../../lib/backend/mock/models/registry.js';
import { MODELS } from '../../lib/backend/mock/models/index.js';
import { KERNEL_VERSIONS } from '../../lib/backend/mock/machine/profile.js';
import { COMMANDS } from '../../lib/cli/commands.js';
import { command as runCommand } from '../../lib/cli/run.js';
import { operations } from '../../lib/run/operations.js';
import { root } from '../rooms.js';

const page = (name: string) => readFileSync(join(root, 'docs', `${name}.md`), 'utf8');

function missing(text: string, names: readonly string[]): string[] {
  return names.filter((name) => !text.includes(name));
}

test('docs/cli.md has a heading for every command', (t) => {
  const headings = [...page('cli').matchAll(/^###? (.*)$/gm)].flatMap(([, text = '']) =>
    text.split(/\W+/),
  );
  t.deepEqual(
    Object.keys(COMMANDS).filter((name) => !headings.includes(name)),
    [],
  );
});

test('`vfio run --mock-kernel` accepts the name of every kernel that the mock emulates', (t) => {
  t.deepEqual(runCommand.options['mock-kernel']?.words, KERNEL_VERSIONS);
});

test('docs/run.md has a table row for every operation', (t) => {
  const rows = Object.keys(operations).map((name) => `\n| \`${name}\` |`);
  t.deepEqual(missing(page('run'), rows), []);
});

test('docs/mock.md names every model, every kernel and every kind of fault of the mock', (t) => {
  const control = new MockBackend(new ModelRegistry(MODELS)).control('mock:edu');
  const error = t.throws(() => {
    control.fail('nothing' as 'open', 'EIO');
  });
  const kinds = error.message.slice(error.message.indexOf(': ')).match(/\b[a-z]+[A-Z]?\w*/g) ?? [];
  const listed = kinds.filter((kind) => kind !== 'expected');
  const names = [
    ...new ModelRegistry(MODELS).list().map(({ name }) => name),
    ...KERNEL_VERSIONS,
    ...listed,
  ];
  t.true(listed.includes('getInfo'));
  t.deepEqual(
    missing(
      page('mock'),
      names.map((name) => `\`${name}\``),
    ),
    [],
  );
});
