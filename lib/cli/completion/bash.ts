import type { Offers } from '../command.js';
import { type NamedCommand, spellings, type Tree } from './tree.js';
import { shellQuote } from '../../lab/shell-quote.js';

/**
 * Encodes the words that completion offers. A source of words, for example all files, has the
 * prefix `@`: `'debian-6.1 @files'`.
 */
function encodeOffers({ words = [], from }: Offers): string {
  return [...words, ...(from === undefined ? [] : [`@${from}`])].join(' ');
}

function settings({ name, operands, options, program }: NamedCommand): string {
  const valued = options.filter(({ value }) => value !== undefined);
  const values = valued.flatMap((option) =>
    spellings(option).map((spelling) => `[${spelling}]=${shellQuote(encodeOffers(option))}`),
  );
  return `  ${name})
    options=${shellQuote(options.flatMap(spellings).join(' '))}
    values=(${values.join(' ')})
    operands=(${operands.map((operand) => shellQuote(encodeOffers(operand))).join(' ')})
    repeated=${operands.at(-1)?.repeated === true ? 1 : ''} program=${program ? 1 : ''} ;;`;
}

/**
 * Writes the completion script for bash 4 or newer. The script does not need the package
 * `bash-completion`.
 */
export function bash({ commands, mockDevices }: Tree): string {
  const names = commands.map(({ name }) => name).join(' ');
  return `# Completion of vfio for bash: source <(vfio completion bash)
_vfio() {
  # Split the line at spaces only: bash also splits at : and =, which device names contain.
  local line=\${COMP_LINE:0:COMP_POINT} cur= word wanted= offers= options= repeated= program=
  local -a words operands=() list=()
  local -A values=()
  local i place=0
  COMPREPLY=()
  read -ra words <<<"$line"
  if [[ $line != *[[:space:]] ]]; then
    cur=\${words[-1]}
    unset 'words[-1]'
  fi

  case \${words[1]-} in
  '') options='--help --version' operands=(${shellQuote(names)}) ;;
${commands.map(settings).join('\n')}
  esac

  for ((i = 2; i < \${#words[@]}; i++)); do
    word=\${words[i]} wanted=
    if [[ $word == -- && $program ]]; then
      if ((i + 1 == \${#words[@]})); then
        mapfile -t COMPREPLY < <(compgen -c -- "$cur" | sort -u)
      else
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      fi
      return
    elif [[ \${values[$word]+set} ]]; then
      ((i += 1))
      wanted=$word
    elif [[ $word != -* ]]; then
      ((place += 1))
    fi
  done

  if [[ $wanted && $i -gt \${#words[@]} ]]; then
    offers=\${values[$wanted]}
  elif [[ $cur == --*=* ]]; then
    wanted=\${cur%%=*} cur=\${cur#*=}
    [[ \${values[$wanted]+set} ]] && offers=\${values[$wanted]}
  elif [[ $cur == -* ]]; then
    offers=$options
  else
    if [[ $repeated ]] && ((place >= \${#operands[@]})); then place=$((\${#operands[@]} - 1)); fi
    offers=\${operands[place]-}
  fi

  for word in $offers; do
    case $word in
    @devices)
      list+=(${mockDevices.join(' ')} vfio-user:)
      for word in "\${cur#vfio-user:}"*; do
        [[ $cur == vfio-user:* && -e $word ]] && list+=("vfio-user:$word")
      done
      for word in /sys/bus/pci/devices/*; do
        [[ -e $word ]] && list+=("\${word##*/}")
      done ;;
    @files)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    @users) mapfile -t COMPREPLY < <(compgen -u -- "$cur") ;;
    *) list+=("$word") ;;
    esac
  done
  for word in "\${list[@]}"; do
    [[ $word == "$cur"* ]] && COMPREPLY+=("$word")
  done

  [[ \${COMPREPLY[*]} == vfio-user: ]] && compopt -o nospace 2>/dev/null
  # Bash replaces only the part of the word after the last colon.
  if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then
    COMPREPLY=("\${COMPREPLY[@]#"\${cur%"\${cur##*:}"}"}")
  fi
  return 0
}
complete -F _vfio vfio
`;
}
