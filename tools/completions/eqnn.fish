# fish completion for eqnn; the command itself knows what may stand where.
function __eqnn_complete
    set -l token (commandline -ct)
    test (count $token) -gt 0; or set token ''
    set -l ends
    for line in (eqnn complete (commandline -opc)[2..] $token 2>/dev/null)
        if string match -q ':files *' -- $line
            set ends (string split ' ' -- (string trim -- (string replace ':files ' '' -- $line)))
        else
            echo $line
        end
    end
    test (count $ends) -gt 0; or return
    set -l before (string match -r -- '^--[^=]*=' $token)
    set -l path (string replace -r -- '^--[^=]*=' '' $token)
    test (count $before) -gt 0; or set before ''
    for file in (complete -C "'' $path" | string split -f 1 \t)
        for end in $ends
            if test "$end" = '*'; or string match -q '*/' -- $file; or string match -q "*$end" -- $file
                echo $before$file
                break
            end
        end
    end
end
complete -c eqnn -f -a '(__eqnn_complete)'
