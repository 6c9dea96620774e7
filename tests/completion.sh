#!/usr/bin/env bash
# completion: what bash offers for a half-typed command line, with the program that was built.
set -euo pipefail

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
sluice=$PWD/sluice
passed=0
failed=0

# shellcheck source-path=SCRIPTDIR
# shellcheck source=../system/completion.bash
. "${srcdir:-.}/system/completion.bash"

# The words as bash divides the line, and the last one as what is to be completed.
offered() { # WORD...
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    COMPREPLY=()
    _sluice "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    echo "${COMPREPLY[*]}"
}

expect() { # EXPECTED WORD...
    local expected=$1 found
    shift
    found=$(offered "$sluice" "$@")
    if [[ $found == "$expected" ]]; then
        passed=$((passed + 1))
        echo "ok: sluice $*"
    else
        failed=$((failed + 1))
        echo "FAIL: sluice $*: \"$found\", not \"$expected\""
    fi
}

cd "$tmp"
touch routing.conf 'other one.conf' other.so

expect "$("$sluice" help | awk '$1 == "sluice" { print $2 }' | xargs)" ''
expect "run routes reload" r
expect "--version" -
expect "" nothing-of-the-kind
expect "-c --watch --no-supervise --log-format" run ''
expect "--watch" run --w
expect "--no-supervise" run --watch --n
expect "routing.conf" check -c r
expect "other one.conf" check -c 'other o'
expect "plain json" run --log-format ''
expect "json" run --log-format = j
expect "plain json" run --log-format =
expect "-c --defaults" routes -
expect "" routes /ws
expect "-c --json" status -c routing.conf ''
expect "-c --json" reload --json ''
expect "reload" help rel
expect "" unheard ''

# As it is installed: by the name of the command.
if [[ $(complete -p sluice) == *"-F _sluice sluice" ]]; then
    passed=$((passed + 1))
else
    failed=$((failed + 1))
    echo "FAIL: nothing is to be called for sluice: $(complete -p sluice)"
fi

echo "$passed passed, $failed failed"
exit $((failed > 0))
