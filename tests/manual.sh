#!/usr/bin/env bash
# manual: the pages know every command, option, directive and setting that the program knows, and are set
# without a warning; the unit for systemd is one that systemd understands.
#
# What sets pages and what reads units is left out where it is not installed.
set -euo pipefail

passed=0
failed=0
verdict() { # NAME COMMAND...
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        passed=$((passed + 1))
        echo "ok: $name"
    else
        failed=$((failed + 1))
        printf 'FAIL: %s\n%s\n' "$name" "$output"
    fi
}

# A page as it is read: without what is for the typesetter, and in one line.
plain() { # PAGE
    sed -e 's/^\.[A-Za-z]* *//' -e 's/\\f[BIR]//g' -e 's/\\&//g; s/\\-/-/g; s/\\e/\\/g' -e 's/"//g' "share/$1" |
        tr -s '\n ' '  '
}

has() { # TEXT WHAT
    [[ $1 == *"$2"* ]] || {
        echo "not there: $2"
        return 1
    }
}

commands_are_there() {
    local text line word name
    text=$(plain sluice.1)
    while read -r name line; do
        [[ $name == -* ]] || name="sluice $name"
        has "$text" "$name" || return
        for word in $(tr -d '[]' <<<"$line"); do
            [[ $word != -* ]] || has "$text" "$word" || return
        done
    done < <(./sluice help | sed -n 's/^  sluice //p')
    for word in --config --help; do
        has "$text" "$word" || return
    done
}

# Each row of the program's list: name, meaning, bounds, default, in the words of the program.
settings_are_there() {
    local text rows=0 name standard value change help
    text=$(plain routing.conf.5)
    while IFS='|' read -r _ name standard value change help _; do
        read -r name <<<"$name"
        read -r standard <<<"$standard"
        read -r value <<<"$value"
        read -r change <<<"$change"
        read -r help <<<"${help//\`/}"
        [[ $name =~ ^[a-z] && $name != setting ]] || continue
        has "$text" "$name ${help^}.${value:+ Value: $value.}${standard:+ Default: $standard.}" || return
        rows=$((rows + 1))
    done < <(./sluice routes --defaults)
    echo "$rows settings"
    ((rows > 40))
}

is_whole() { # PAGE
    ! grep -nE '@[A-Za-z]+@' "share/$1"
}

# A line that can't be broken is a path of this installation, which may be long.
is_set_without_warning() { # PAGE
    local said
    said=$(groff -Tutf8 -man -ww -W break -z "share/$1" 2>&1)
    [[ -z $said ]] || {
        echo "$said"
        return 1
    }
}

# The programs that it names need not be installed yet.
unit_is_understood() {
    local directory said
    directory=$(mktemp -d)
    sed "s|^\(Exec[A-Za-z]*=\)[^ ]*|\1$(command -v true)|" share/sluice.service >"$directory/sluice.service"
    said=$(systemd-analyze verify --man=no --recursive-errors=no "$directory/sluice.service" 2>&1) || true
    rm -r "$directory"
    [[ -z $said ]] || {
        echo "$said"
        return 1
    }
}

verdict "sluice(1) has every command and option" commands_are_there
verdict "routing.conf(5) has every setting" settings_are_there
for page in sluice.1 routing.conf.5 sluice-consumer.7; do
    verdict "$page is whole" is_whole "$page"
    ! command -v groff >/dev/null || verdict "$page is set without a warning" is_set_without_warning "$page"
done
! command -v systemd-analyze >/dev/null || verdict "systemd understands the unit" unit_is_understood

echo "$passed passed, $failed failed"
exit $((failed > 0))
