import { type Command, COMMON_OPTIONS, formatOperands, type Option } from './command.js';
import { table } from './table.js';

const WIDTH = 100;

function synopsis(name: string, { operands, options, program }: Command): string {
  const names = Object.entries(options);
  const [only] = names.length === 1 ? names : [];
  const flags =
    only?.[1].type === 'boolean' ? `[--${only[0]}]` : names.length === 0 ? '' : '[options]';
  const behind = program === true ? '-- <command> [arguments]' : '';
  const words = program === true ? [flags, behind] : [formatOperands(operands), flags];
  return ['vfio', name, ...words].filter((word) => word !== '').join(' ');
}

/** Formats an option: `-x, --hex`, `--width <w>`. */
function label(name: string, { short, value }: Option): string {
  const both = short === undefined ? `--${name}` : `-${short}, --${name}`;
  return value === undefined ? both : `${both} ${value}`;
}

/** Formats two columns; a long text continues in the second column. */
function rows(all: readonly (readonly [label: string, text: string])[]): string {
  const first = Math.max(...all.map(([name]) => name.length));
  return table(
    all.flatMap(([name, text]) =>
      wrap(text, WIDTH - first - 4).map((part, i) => [`  ${i === 0 ? name : ''}`, part] as const),
    ),
  );
}

function wrap(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.trim().split(/\s+/)) {
    const last = lines.at(-1) ?? '';
    if (last === '') lines[lines.length - 1] = word;
    else if (last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** Formats the output of `vfio <name> --help`. */
export function help(name: string, command: Command): string {
  const { operands, options, examples, about } = command;
  const explained = [
    ...Object.entries(operands).flatMap(([operand, { help: text, optional }]) =>
      text === undefined
        ? []
        : [[optional === true ? `[${operand}]` : `<${operand}>`, text] as const],
    ),
    ...Object.entries<Option>({ ...options, ...COMMON_OPTIONS }).map(
      ([option, it]) => [label(option, it), it.help] as const,
    ),
  ];
  const title = examples.length === 1 ? 'Example: ' : 'Examples: ';
  return [
    synopsis(name, command),
    wrap(about, WIDTH).join('\n'),
    ...(explained.length === 0 ? [] : [rows(explained)]),
    title + examples.join(`\n${' '.repeat(title.length)}`),
  ].join('\n\n');
}
