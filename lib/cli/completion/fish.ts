import type { Offers } from '../command.js';
import { type NamedCommand, type NamedOption, spellings, type Tree } from './tree.js';

const quote = (text: string): string => `'${text.replaceAll(/[\\']/g, '\\$&')}'`;

const FROM = {
  devices: '(__vfio_devices)',
  files: '(__fish_complete_path (commandline -ct))',
  users: '(__fish_complete_users)',
} as const;

function encodeOffers({ words = [], from }: Offers): string {
  return [...words, ...(from === undefined ? [] : [FROM[from]])].join(' ');
}

function option(command: string, it: NamedOption): string {
  const { name, short, help, value } = it;
  const brief = short === undefined ? '' : ` -s ${short}`;
  const offers = encodeOffers(it);
  const values = value === undefined ? '' : offers === '' ? ' -x' : ` -x -a ${quote(offers)}`;
  return `complete -c vfio -n '__vfio_in ${command}' -l ${name}${brief}${values} -d ${quote(help)}`;
}

function settings({ name, operands, options, program }: NamedCommand): string[] {
  const valued = options.filter(({ value }) => value !== undefined).flatMap(spellings);
  return [
    ...options.map((it) => option(name, it)),
    ...operands
      .map(
        (operand, index) =>
          [encodeOffers(operand), operand.repeated ? '-ge' : '-eq', index] as const,
      )
      .filter(([offers]) => offers !== '')
      .map(
        ([offers, compare, index]) =>
          `complete -c vfio -n '__vfio_at ${[name, compare, index, ...valued].join(' ')}' -a ${quote(offers)}`,
      ),
    ...(program ? [`complete -c vfio -n '__vfio_runs ${name}' -a '(__vfio_program)'`] : []),
  ];
}

/** Writes the completion script for fish. */
export function fish({ commands, mockDevices }: Tree): string {
  const names = commands.map(
    ({ name, summary }) => `complete -c vfio -n '__vfio_in ""' -a ${name} -d ${quote(summary)}`,
  );
  return `# Completion of vfio for fish: vfio completion fish > ~/.config/fish/completions/vfio.fish
function __vfio_devices
    printf '%s\\n' ${mockDevices.join(' ')} vfio-user:
    set -l word (commandline -ct)
    if string match -q 'vfio-user:*' -- $word
        set -l paths (string replace vfio-user: '' -- $word)*
        string replace -r '^' vfio-user: -- $paths
    end
    for path in /sys/bus/pci/devices/*
        string replace -r '.*/' '' -- $path
    end
end

# Whether the line has this command, and no -- that starts a program.
function __vfio_in
    set -l tokens (commandline -opc)
    test "$tokens[2]" = "$argv[1]"; and not contains -- -- $tokens
end

# Whether the next operand is at this place: command, comparison, place, options with a value.
function __vfio_at
    __vfio_in $argv[1]; or return
    set -l tokens (commandline -opc)[3..-1]
    set -l place 0
    while set -q tokens[1]
        if contains -- $tokens[1] $argv[4..-1]
            set -e tokens[1]
        else if not string match -q -- '-*' $tokens[1]
            set place (math $place + 1)
        end
        set -e tokens[1]
    end
    test $place $argv[2] $argv[3]
end

function __vfio_runs
    set -l tokens (commandline -opc)
    test "$tokens[2]" = "$argv[1]"; and contains -- -- $tokens
end

function __vfio_program
    set -l tokens (commandline -opc) (commandline -ct)
    set -l dashes (contains -i -- -- $tokens)
    complete --do-complete=(string join ' ' -- $tokens[(math $dashes + 1)..-1] | string collect -a)
end

complete -c vfio -f
complete -c vfio -n '__vfio_in ""' -s h -l help -d 'the list of commands'
complete -c vfio -n '__vfio_in ""' -l version -d 'the version of vfio'
${[...names, ...commands.flatMap(settings)].join('\n')}
`;
}
