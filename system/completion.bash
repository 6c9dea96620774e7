# shellcheck shell=bash
# Completion of sluice's command line for bash. It knows no command itself: the program that is typed is
# asked (`sluice help`), so that what is offered is what that one can do.

_sluice_commands() { # SLUICE
    "$1" help 2>/dev/null | sed -n 's/^  sluice \([^ ]*\).*/\1/p'
}

# What the command takes, one a line, as its usage has it in brackets: "-c FILE", "--watch", "PATH".
_sluice_usage() { # SLUICE COMMAND
    "$1" help "$2" 2>/dev/null | sed -n '1s/^usage: sluice [^ ]* *//p' | tr ']' '\n' | sed -n 's/^ *\[//p'
}

_sluice() {
    local sluice=$1 word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local usage kind words=
    # bash has --log-format=json in three words.
    [[ $word != = ]] || word=
    [[ $before != = ]] || before=${COMP_WORDS[COMP_CWORD - 2]}

    if ((COMP_CWORD == 1)); then
        kind=COMMAND
    else
        usage=$(_sluice_usage "$sluice" "${COMP_WORDS[1]}")
        kind=$(while read -r option value; do
            [[ $option != "$before" ]] || echo "$value"
        done <<<"$usage")
        [[ $before == -* && -n $kind ]] || kind=$(grep -v '^-' <<<"$usage")
    fi
    case $kind in
    FILE)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    COMMAND) words=$(_sluice_commands "$sluice") ;;
    *\|*) words=${kind//|/ } ;;
    esac
    if [[ -z $words || $word == -* ]] && ((COMP_CWORD > 1)); then
        words=$(sed -n 's/^\(-[^ ]*\).*/\1/p' <<<"$usage")
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _sluice sluice
