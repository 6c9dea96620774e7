#!/bin/sh
# interop/cli: what the commands that don't serve print, where, and with which status.

# shellcheck source-path=SCRIPTDIR
# shellcheck source=server.sh
. "$(dirname "$0")/server.sh"

# said STATUS OUT ERR WORDS...: `sluice WORDS` ends with that status; OUT and ERR are patterns for all
# that it prints, "" where it prints nothing.
said()
{
    status=$1 out=$2 err=$3
    shift 3
    "$SLUICE" "$@" >"$work/out" 2>"$work/err"
    found=$?
    if [ "$found" -eq "$status" ] && fits "$out" "$work/out" && fits "$err" "$work/err"; then
        return
    fi
    echo "status $found, not $status:"
    cat "$work/out" "$work/err"
    return 1
}

fits()
{
    if [ -z "$1" ]; then
        [ ! -s "$2" ]
    else
        grep -q -- "$1" "$2"
    fi
}

help_is_whole()
{
    "$SLUICE" help >"$work/out" && ! grep -q ' $' "$work/out" || return
    for command in run check routes help version; do
        grep -qE "^  sluice (--)?$command" "$work/out" || return
        "$SLUICE" help "$command" | grep -qE "^usage: sluice (--)?$command" || return
        "$SLUICE" "$command" --help | grep -qE "^usage: sluice (--)?$command" || return
    done
}

# Whatever is said on stderr, each line of it is an object.
is_json()
{
    "$SLUICE" run -c bad.conf --log-format json 2>"$work/err"
    [ $? -eq 1 ] && [ -s "$work/err" ] &&
        "$python" -c 'import json, sys; [json.loads(line)["level"] for line in sys.stdin]' <"$work/err"
}

server_prepare </dev/null
cd "$work" || exit 1
mkdir so
cp "$SLUICE_CONSUMERS/echo.so" "$SLUICE_CONSUMERS/chat.so" so
cat >good.conf <<'CONF'
consumers so
ws   /ws/echo/             echo.so
ws   /ws/chat/<str:room>/  chat.so
ws   /both                 echo.so
http /both                 file=good.conf
CONF
printf 'consumers so\nlimits mesage=4k\nws /a/ none.so\n' >bad.conf
cp good.conf routing.conf

check "no command is a wrong one" said 2 "" "sluice run"
check "an unknown command" said 2 "" 'no command "chek"; did you mean "check"?' chek
check "--version" said 0 '^sluice [0-9]*\.[0-9]*\.[0-9]*$' "" --version
check "help lists every command, and knows each" help_is_whole
check "help of an unknown command" said 2 "" 'no command "nope"' help nope
check "check" said 0 '^sluice: no issues (4 mounts, 2 consumers)$' "" check
for file in "-c good.conf" "-cgood.conf" "--config good.conf" "--config=good.conf"; do
    # shellcheck disable=SC2086 # one word or two
    check "check $file" said 0 "no issues" "" check $file
done
check "check of mistakes" said 1 "" '^bad.conf:2:8: error: unknown limit "mesage"$' check -c bad.conf
check "and of what they name" said 1 "" '^bad.conf:3:8: error: cannot load "none.so": no such file$' check -c bad.conf
check "and how many" said 1 "" '^sluice: 2 errors$' check -c bad.conf
check "check of no file" said 1 "" '^none.conf: error: cannot read the file: No such file or directory$' check -c none.conf
check "run of mistakes" said 1 "" '^sluice: 2 errors$' run -c bad.conf
check "run of mistakes, as JSON" is_json
check "-c without a file" said 2 "" '^sluice: "-c" must be followed by a file.s name$' check -c
check "an unknown option" said 2 "" '^usage: sluice check \[-c FILE\]$' check --layre
check "a word too many" said 2 "" '"extra" makes no sense here' run extra
check "a format that is none" said 2 "" '"--log-format" must be followed by plain or json' run --log-format=xml
check "routes" said 0 '^  ws    /ws/chat/<str:room>/  chat.so  (routing.conf:3)$' "" routes
check "routes PATH" said 0 '^    room = 运 red$' "" routes /ws/chat/%E8%BF%90%20red/?x=1
check "routes PATH for pages" said 0 '^http  /both' "" routes both
check "and for websockets" said 0 '^ws    /both' "" routes both
check "routes of a path that none takes" said 1 "" '^sluice: no mount takes "/nope"$' routes /nope
check "nor without a slash" said 1 "" '^sluice: no mount takes "/ws/chat/red"; routing.conf:3 takes it with a trailing "/"$' routes /ws/chat/red
check "routes of a file with mistakes" said 1 "" '^sluice: 1 error$' routes -c bad.conf
check "routes --defaults" said 0 '| limits message ' "" routes --defaults
report
