# bash completion for eqnn; the command itself knows what may stand where.
_eqnn() {
  local IFS=$'\n'
  COMPREPLY=($(eqnn complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f 1))
}
complete -o default -F _eqnn eqnn
