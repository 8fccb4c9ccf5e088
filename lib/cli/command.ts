import { parseArgs, type ParseArgsConfig } from 'node:util';
import { UsageError } from './usage.js';

/** What completion offers for a word of the command line. */
export interface Offers {
  readonly words?: readonly string[];
  readonly from?: 'devices' | 'files' | 'users';
}

/** An option of a command: parsing, help and completion are made from it. */
export interface Option extends Offers {
  readonly type: 'boolean' | 'string';
  readonly short?: string;
  readonly multiple?: true;
  readonly default?: string;
  /** What help calls its value: `'<n>'`. */
  readonly value?: string;
  readonly help: string;
}

/** An argument that has its place instead of a name. */
export interface Operand extends Offers {
  /** Nothing where the name says it all. */
  readonly help?: string;
  readonly optional?: true;
  /** The last one: one or more, or any number if it is optional. */
  readonly repeated?: true;
}

type Options = Readonly<Record<string, Option>>;
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

/** What the command line says. */
export interface Line<O extends Options, P extends Operands> {
  readonly options: { readonly [Name in keyof O]: OptionValue<O[Name]> };
  readonly operands: { readonly [Name in keyof P]: OperandValue<P[Name]> };
  /** What follows `--`, of a command that runs a program. */
  readonly program: readonly string[];
}

export interface Definition<O extends Options, P extends Operands> {
  /** Paragraphs for `--help`. */
  readonly about: string;
  /** In their order. */
  readonly operands: P;
  readonly options: O;
  /** Whether a program and its arguments follow `--`. */
  readonly program?: true;
  /** Command lines that work. */
  readonly examples: readonly string[];
  /** Gives the exit code: 0 ok, 1 failed. */
  run(line: Line<O, P>): number | Promise<number>;
}

/** What every command's module exports as `command`. */
export type Command = Definition<Options, Operands>;

/** A command, with the types of what its `run` is called with. */
export function defineCommand<const O extends Options, const P extends Operands>(
  definition: Definition<O, P>,
): Command {
  return definition;
}

/** @throws {@link UsageError} and errors of `parseArgs` for what is wrong */
export function parseLine(command: Command, argv: readonly string[]): Line<Options, Operands> {
  const dashes = command.program === true ? argv.indexOf('--') : -1;
  const { values, positionals } = parseArgs({
    args: dashes < 0 ? [...argv] : argv.slice(0, dashes),
    options: forParseArgs(command.options),
    allowPositionals: true,
  });
  return {
    options: values as Line<Options, Operands>['options'],
    operands: place(command, positionals),
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

function place(
  { operands, program }: Command,
  given: readonly string[],
): Line<Options, Operands>['operands'] {
  const rest = [...given];
  const values: Record<string, string | string[] | undefined> = {};
  for (const [name, { optional, repeated }] of Object.entries(operands)) {
    if (rest.length === 0 && optional !== true) throw new UsageError(`give ${list(operands)}`);
    values[name] = repeated === true ? rest.splice(0) : rest.shift();
  }
  const [stranger] = rest;
  if (stranger !== undefined) {
    const wanted = program === true ? '-- before the command' : list(operands);
    throw new UsageError(
      `'${stranger}' is too much: ${wanted === '' ? 'no arguments' : `give ${wanted}`}`,
    );
  }
  return values as Line<Options, Operands>['operands'];
}

/** `<device> [file]` */
export function list(operands: Operands): string {
  return Object.entries(operands)
    .map(([name, { optional, repeated }]) => {
      const more = repeated === true ? '...' : '';
      return optional === true ? `[${name}]${more}` : `<${name}>${more}`;
    })
    .join(' ');
}
