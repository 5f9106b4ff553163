# fish completion for eqnn; the command itself knows what may stand where.
complete -c eqnn -a '(eqnn complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
