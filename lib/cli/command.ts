import { parseArgs, type ParseArgsConfig } from 'node:util';
import { UsageError } from './usage.js';

/** The words that completion offers for an argument. */
export interface Offers {
  readonly words?: readonly string[];
  readonly from?: 'devices' | 'files' | 'users';
}

/**
 * An option of a command. The parser, the help text and the completion scripts use this definition.
 */
export interface Option extends Offers {
  readonly type: 'boolean' | 'string';
  readonly short?: string;
  readonly multiple?: true;
  readonly default?: string;
  /** Name of the option's value in the help text: `'<n>'`. */
  readonly value?: string;
  readonly help: string;
}

/** A positional argument. */
export interface Operand extends Offers {
  /** Undefined if the operand's name needs no explanation. */
  readonly help?: string;
  readonly optional?: true;
  /**
   * Whether the operand accepts several values. Only the last operand can be repeated. If the
   * operand is optional too, zero values are also accepted.
   */
  readonly repeated?: true;
}

export type Options = Readonly<Record<string, Option>>;
type Operands = Readonly<Record<string, Operand>>;

type OptionValue<O extends Option> = O['type'] extends 'boolean'
  ? boolean
  : O extends { multiple: true }
    ? string[]
    : O extends { default: string }
      ? string
      : string | undefined;
type OperandValue<P extends Operand> = P extends { repeated: true }
  ? string[]
  : P extends { optional: true }
    ? string | undefined
    : string;

/** A parsed command line. */
export interface Line<O extends Options, P extends Operands> {
  readonly options: { readonly [Name in keyof O]: OptionValue<O[Name]> };
  readonly operands: { readonly [Name in keyof P]: OperandValue<P[Name]> };
  /** The arguments after `--`: a program and its arguments. The list is empty without `--`. */
  readonly program: readonly string[];
  /** The modules of `--import`, which were imported before the command runs. */
  readonly imports: readonly string[];
}

/** The options that every command has. */
export const COMMON_OPTIONS = {
  import: {
    type: 'string',
    value: '<module>',
    from: 'files',
    multiple: true,
    help: 'imports a JavaScript module first, for example a module that registers device models; can be repeated',
  },
} as const satisfies Options;

export interface Definition<O extends Options, P extends Operands> {
  /** Paragraphs for `--help`. */
  readonly about: string;
  /** Operands in order. */
  readonly operands: P;
  readonly options: O;
  /** Whether the command accepts a program with arguments after `--`. */
  readonly program?: true;
  /** Working command lines. */
  readonly examples: readonly string[];
  /** Runs the command. Returns exit code 0 after success and 1 after a failure. */
  run(line: Line<O, P>): number | Promise<number>;
}

/** The type of the constant `command` that the module of each command exports. */
export type Command = Definition<Options, Operands>;

/**
 * Defines a command. TypeScript derives the argument type of `run` from the options and operands.
 */
export function defineCommand<const O extends Options, const P extends Operands>(
  definition: Definition<O, P>,
): Command {
  return definition;
}

/**
 * Parses a command line.
 *
 * @throws a {@link UsageError}, or an error of `parseArgs`, if the command line is wrong
 */
export function parseLine(command: Command, argv: readonly string[]): Line<Options, Operands> {
  const dashes = command.program === true ? argv.indexOf('--') : -1;
  const { values, positionals } = parseArgs({
    args: dashes < 0 ? [...argv] : argv.slice(0, dashes),
    options: forParseArgs({ ...command.options, ...COMMON_OPTIONS }),
    allowPositionals: true,
  });
  return {
    imports: values.import as string[],
    options: values as Line<Options, Operands>['options'],
    operands: placeOperands(command, positionals),
    program: dashes < 0 ? [] : argv.slice(dashes + 1),
  };
}

function forParseArgs(options: Options): NonNullable<ParseArgsConfig['options']> {
  return Object.fromEntries(
    Object.entries(options).map(([name, { type, short, multiple, default: usual }]) => [
      name,
      {
        type,
        ...(short === undefined ? {} : { short }),
        ...(type === 'boolean' ? { default: false } : {}),
        ...(usual === undefined ? {} : { default: usual }),
        ...(multiple === undefined ? {} : { multiple, default: [] }),
      },
    ]),
  );
}

function placeOperands(
  { operands, program }: Command,
  given: readonly string[],
): Line<Options, Operands>['operands'] {
  const rest = [...given];
  const values: Record<string, string | string[] | undefined> = {};
  for (const [name, { optional, repeated }] of Object.entries(operands)) {
    if (rest.length === 0 && optional !== true)
      throw new UsageError(`give ${formatOperands(operands)}`);
    values[name] = repeated === true ? rest.splice(0) : rest.shift();
  }
  const [extra] = rest;
  if (extra !== undefined) {
    const wanted = program === true ? '-- before the command' : formatOperands(operands);
    const fix = wanted === '' ? 'the command has no arguments' : `give ${wanted}`;
    throw new UsageError(`unexpected argument '${extra}': ${fix}`);
  }
  return values as Line<Options, Operands>['operands'];
}

/** Formats operands for help: `<device> [file]`. */
export function formatOperands(operands: Operands): string {
  return Object.entries(operands)
    .map(([name, { optional, repeated }]) => {
      const more = repeated === true ? '...' : '';
      return optional === true ? `[${name}]${more}` : `<${name}>${more}`;
    })
    .join(' ');
}
