# bash completion for eqnn; the command itself knows what may stand where.
_eqnn() {
  local IFS=$'\n' i word line end path
  local -a words=() ends=()
  # bash makes three words of --flag=value.
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if ((${#words[@]})) && { [[ $word == "=" && ${words[-1]} == --* ]] || [[ ${words[-1]} == --*= ]]; }; then
      words[-1]+=$word
    else
      words+=("$word")
    fi
  done
  word=${words[-1]}
  COMPREPLY=()
  for line in $(eqnn complete "${words[@]}" 2>/dev/null); do
    line=${line%%$'\t'*}
    if [[ $line == ":files "* ]]; then
      IFS=' ' read -r -a ends <<<"${line#:files }"
    elif [[ $line == --*=* ]]; then
      COMPREPLY+=("${line#*=}")
    else
      COMPREPLY+=("$line")
    fi
  done
  ((${#ends[@]})) || return 0
  compopt -o filenames 2>/dev/null
  [[ $word == --*=* ]] && path=${word#*=} || path=$word
  COMPREPLY+=($(compgen -d -- "$path"))
  for end in "${ends[@]}"; do
    if [[ $end == "*" ]]; then
      COMPREPLY=($(compgen -f -- "$path"))
    elif [[ $end != / ]]; then
      COMPREPLY+=($(compgen -f -X "!*$end" -- "$path"))
    fi
  done
}
complete -F _eqnn eqnn
