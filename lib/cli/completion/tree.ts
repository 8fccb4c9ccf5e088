import { type Command, COMMON_OPTIONS, type Offers, type Option } from '../command.js';
import { COMMANDS, loadCommand } from '../commands.js';
import { listMockDevices } from '../devices.js';

/** The commands and names that the completion scripts offer. */
export interface Tree {
  readonly mockDevices: readonly string[];
  readonly commands: readonly NamedCommand[];
}

export interface NamedCommand {
  readonly name: string;
  readonly summary: string;
  readonly operands: readonly NamedOperand[];
  readonly options: readonly NamedOption[];
  /** Whether the command line ends with `--` and a program. */
  readonly program: boolean;
}

export interface NamedOperand extends Offers {
  readonly name: string;
  readonly repeated: boolean;
}

export interface NamedOption extends Offers {
  readonly name: string;
  readonly short: string | undefined;
  readonly help: string;
  /** Name of the option's value; undefined for a flag. */
  readonly value: string | undefined;
  readonly multiple: boolean;
}

const HELP: NamedOption = {
  name: 'help',
  short: 'h',
  help: 'arguments, options and examples',
  value: undefined,
  multiple: false,
};

/** `vfio help <command>` has no module of its own. */
const HELP_COMMAND: NamedCommand = {
  name: 'help',
  summary: 'show the arguments, options and examples of a command',
  operands: [{ name: 'command', repeated: false, words: Object.keys(COMMANDS) }],
  options: [],
  program: false,
};

export async function describeAll(): Promise<Tree> {
  const entries = Object.entries(COMMANDS);
  const commands = await Promise.all(
    entries.map(async ([name, summary]) => describe(name, summary, await loadCommand(name))),
  );
  const mockDevices = await listMockDevices();
  return {
    commands: [...commands, HELP_COMMAND],
    mockDevices: mockDevices.map(({ name }) => name),
  };
}

function describe(name: string, summary: string, command: Command): NamedCommand {
  const all = Object.entries<Option>({ ...command.options, ...COMMON_OPTIONS });
  const options = all.map(([option, it]): NamedOption => ({
    name: option,
    short: it.short,
    help: it.help.split(/[;:(]/, 1)[0]?.replaceAll(/\s+/g, ' ').trim() ?? '',
    value: it.type === 'string' ? (it.value ?? 'value') : undefined,
    multiple: it.multiple === true,
    ...offers(it),
  }));
  return {
    name,
    summary,
    operands: Object.entries(command.operands).map(([operand, it]) => ({
      name: operand,
      repeated: it.repeated === true,
      ...offers(it),
    })),
    options: [...options, HELP],
    program: command.program === true,
  };
}

function offers({ words, from }: Offers): Offers {
  return { ...(words === undefined ? {} : { words }), ...(from === undefined ? {} : { from }) };
}

/** Lists the spellings of an option: `--width`, `-w`. */
export function spellings({ name, short }: NamedOption): string[] {
  return [`--${name}`, ...(short === undefined ? [] : [`-${short}`])];
}
