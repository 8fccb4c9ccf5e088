import type { Offers } from '../command.js';
import type { NamedCommand, NamedOperand, NamedOption, Tree } from './tree.js';
import { shellQuote } from '../../lab/shell-quote.js';

/** Escapes a text for an argument specification of zsh's `_arguments`. */
const escape = (text: string): string => text.replaceAll(/[\\[\]:]/g, '\\$&');

const FROM = { devices: '_vfio_devices', files: '_files', users: '_users' } as const;

function action({ words, from }: Offers): string {
  if (words !== undefined && from !== undefined) {
    return `{ compadd -- ${words.join(' ')}; ${FROM[from]} }`;
  }
  if (words !== undefined) return `(${words.join(' ')})`;
  return from === undefined ? ' ' : FROM[from];
}

/**
 * Formats an operand. If completion has no words for the operand, `_guard` makes zsh still offer
 * the options.
 */
function place(operand: NamedOperand): string {
  const offers = action(operand);
  return offers === ' ' ? `{ _guard "[^-]*" ${shellQuote(operand.name)} }` : offers;
}

function option(it: NamedOption): string {
  const { name, short, help, value, multiple } = it;
  const behind =
    value === undefined ? '' : `:${escape(value.replaceAll(/[<>]/g, ''))}:${action(it)}`;
  const text = `[${escape(help)}]${behind}`;
  const [long, brief] = value === undefined ? ['', ''] : ['=', '+'];
  const repeat = multiple ? '*' : '';
  if (short === undefined) return shellQuote(`${repeat}--${name}${long}${text}`);
  const excluded = multiple ? "'*'" : shellQuote(`(-${short} --${name})`);
  return `${excluded}{-${short}${brief},--${name}${long}}${shellQuote(text)}`;
}

function settings({ name, operands, options }: NamedCommand): string {
  const places = operands.map((operand, index) =>
    shellQuote(`${operand.repeated ? '*' : index + 1}:${escape(operand.name)}:${place(operand)}`),
  );
  const specs = [...places, ...options.map(option)].map((spec) => `      ${spec}`);
  return `  ${name})
    _arguments -s \\
${specs.join(' \\\n')} ;;`;
}

/**
 * Writes the completion script for zsh. To use the script, source it, or save it as the file
 * `_vfio` in a folder of `$fpath`.
 */
export function zsh({ commands, mockDevices }: Tree): string {
  const running = commands.filter(({ program }) => program).map(({ name }) => name);
  const described = commands.map(({ name, summary }) => `    ${shellQuote(`${name}:${summary}`)}`);
  return `#compdef vfio
# Completion of vfio for zsh: vfio completion zsh > "\${fpath[1]}/_vfio"
_vfio_devices() {
  local -a names=(${mockDevices.join(' ')} /sys/bus/pci/devices/*(N:t))
  if compset -P vfio-user:; then
    _files
  else
    compadd -a names
    compadd -S '' vfio-user:
  fi
}

_vfio() {
  local dashes=\${words[(i)--]}
  if [[ $words[2] == (${running.join('|')}) ]] && ((dashes < CURRENT)); then
    shift $dashes words
    ((CURRENT -= dashes))
    _normal
    return
  fi
  local curcontext=$curcontext state line
  local -a commands=(
${described.join('\n')}
  )
  _arguments -C '(- *)'{-h,--help}'[the list of commands]' '(- *)--version[the version of vfio]' \\
    '1:command:->commands' '*::argument:->arguments' && return
  case $state in
  commands) _describe command commands; return ;;
  esac
  case $words[1] in
${commands.map(settings).join('\n')}
  esac
}

if [[ $funcstack[1] == _vfio ]]; then _vfio "$@"; else compdef _vfio vfio; fi
`;
}
