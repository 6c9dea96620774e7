# shellcheck shell=sh
# interop/server: the demo, served for a test from a directory of its own on a free port.
#
# Sourced by the scripts that look at the server from outside. They say what they found with `check`,
# and close with `report`. The server is stopped by its process id, however the script ends.
#
#   SLUICE             the program                  default: sluice of the build
#   SLUICE_CONSUMERS   where the demo's .so are     default: consumers/ of the build
#   abs_top_srcdir, abs_top_builddir                as make sets them; default: this checkout

set -u
export LC_ALL=C.UTF-8

top=${abs_top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${abs_top_builddir:-$top}
SLUICE=${SLUICE:-$build/sluice}
SLUICE_CONSUMERS=${SLUICE_CONSUMERS:-$build/consumers}
python=/usr/bin/python3 # Debian's, for which Debian's python3-websockets is

passed=0
failed=0
server=

# check NAME COMMAND...: the command must succeed.
check()
{
    name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "ok   $name"
    else
        failed=$((failed + 1))
        echo "FAIL $name: $*"
    fi
}

# report: the closing line, and the status of the script.
report()
{
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}

# add COMMAND...: runs a script that counts for itself, and adds its last line up.
add()
{
    "$@" | tee "$work/counted"
    # shellcheck disable=SC2046 # two words
    set -- $(sed -n '$s/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$work/counted")
    passed=$((passed + ${1:-0}))
    failed=$((failed + ${2:-1})) # what ended without a count has failed
}

# need PROGRAM...: a test that can't run has failed.
need()
{
    for program; do
        command -v "$program" >/dev/null || check "$program is installed" false
    done
    [ "$failed" -eq 0 ] || { report; exit 1; }
}

# server_prepare: makes $work with the demo in it, and sets $port and $url. More lines for routing.conf
# come from standard input.
server_prepare()
{
    need "$SLUICE" "$python" curl
    work=$(mktemp -d)
    trap server_clean EXIT
    trap 'exit 1' HUP INT TERM
    port=$("$python" -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
    url=http://127.0.0.1:$port

    mkdir "$work/consumers"
    cp -R "$top/consumers/pages" "$work/consumers/"
    for consumer in chat echo ticker; do
        cp "$SLUICE_CONSUMERS/$consumer.so" "$work/consumers/"
    done
    # shellcheck disable=SC2086 # words for sed, or none
    sed -e "s/^listen .*/listen 127.0.0.1:$port/" ${DEMO_PLAIN-} "$top/routing.conf" >"$work/routing.conf"
    cat >>"$work/routing.conf"
    conf=$work/routing.conf
}

# server_start: runs it with $conf, and comes back when it answers.
server_start()
{
    "$SLUICE" run -c "$conf" --no-supervise >>"$work/out" 2>>"$work/err" &
    server=$!
    for _ in $(seq 100); do
        curl -s -o "$work/page" --max-time 2 "$url/" && return
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    echo "the server does not answer:"
    cat "$work/out" "$work/err"
    return 1
}

# server_stop: asks it to stop. It must be gone within its `server stop=5s`, with status 0.
server_stop()
{
    kill -TERM "$server"
    for _ in $(seq 100); do
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$server" 2>/dev/null # nothing is left to kill unless it hung
    wait "$server"
    status=$?
    server=
    [ "$status" -eq 0 ] || cat "$work/out" "$work/err"
    return "$status"
}

# Comes after server_stop: some complain at the end.
no_sanitizer_complains()
{
    ! grep -A 30 -E 'Sanitizer|runtime error' "$work/err"
}

server_clean()
{
    [ -z "$server" ] || kill -KILL "$server" 2>/dev/null
    rm -rf "$work"
}

# node_packages: sets SLUICE_NODE, the directory with the packages of tests/package.json: those of the
# checkout, which ./dev installs, else our own beside the demo. Comes after server_prepare.
node_packages()
{
    need node npm
    SLUICE_NODE=$top/tests
    export SLUICE_NODE
    [ -d "$SLUICE_NODE/node_modules/ws" ] && return
    SLUICE_NODE=$work/node
    mkdir "$SLUICE_NODE"
    cp "$top/tests/package.json" "$top/tests/package-lock.json" "$SLUICE_NODE/"
    npm ci --prefix "$SLUICE_NODE" --ignore-scripts --no-audit --no-fund --loglevel=error
}
