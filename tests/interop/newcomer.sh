#!/bin/sh
# interop/newcomer: does what the README tells a newcomer, with the README's own words, against the
# installed program and headers, in an empty directory.
#
# Each fenced block that is used stands behind a comment: <!-- newcomer: NAME -->.
# shellcheck source=tests/interop/server.sh
. "$(dirname "$0")/server.sh"

# block NAME: the text of that block.
block()
{
    awk -v mark="<!-- newcomer: $1 -->" '
        $0 == mark { found = 1; next }
        found && /^```/ { if (inside) exit; inside = 1; next }
        inside' "$top/README.md"
}

installs()
{
    env -u MAKEFLAGS -u MAKELEVEL make -s --no-print-directory -C "$build" install "DESTDIR=$work/root" \
        >"$work/install" 2>&1 || { cat "$work/install"; return 1; }
    pc=$(find "$work/root" -name sluice.pc)
    SLUICE=$(find "$work/root" -path '*/bin/sluice')
    export PKG_CONFIG_SYSROOT_DIR="$work/root" PKG_CONFIG_PATH="${pc%/*}"
    [ -n "$pc" ] && [ -x "$SLUICE" ]
}

is_ten_lines()
{
    block consumer >greet.c
    [ "$(wc -l <greet.c)" -eq 10 ]
}

builds()
{
    block build >"$work/build.sh"
    sh -ex "$work/build.sh" 2>&1 | tee "$work/said"
    [ "$(wc -l <"$work/build.sh")" -eq 1 ] && ! grep -qE 'warning|error' "$work/said" && [ -s greet.so ]
}

mounts()
{
    block mount >"$work/mount"
    cat "$work/mount" >>routing.conf
    [ "$(wc -l <"$work/mount")" -eq 1 ] && kill -HUP "$server"
}

# answers REQUEST ANSWER: what a client hears. A reload may take a moment, so it is asked a few times.
answers()
{
    "$python" - "$url" "$@" <<'PY'
import asyncio, json, sys, websockets
url, request, expected = sys.argv[1:]
async def ask():
    async with websockets.connect(url.replace("http", "ws") + "/ws/greet/") as ws:
        await ws.send(request)
        return json.loads(await asyncio.wait_for(ws.recv(), 5))
async def main():
    for _ in range(50):
        try:
            found = await ask()
            if found == json.loads(expected):
                return 0
        except websockets.exceptions.InvalidStatusCode as refused:
            found = refused
        await asyncio.sleep(0.1)
    print(f"found {found}, expected {expected}")
    return 1
sys.exit(asyncio.run(main()))
PY
}

# An object that is no object: the log says so, with the line that names it, and all goes on.
is_refused()
{
    : >greet.so
    kill -HUP "$server"
    for _ in $(seq 50); do
        grep -q 'routing.conf:2:[0-9]*: error: cannot load "greet.so"' "$work/err" && return
        sleep 0.1
    done
    tail -n 5 "$work/err"
    return 1
}

is_explained()
{
    block mistake >"$work/expected"
    mkdir mistake
    builds >/dev/null 2>&1
    mv greet.so mistake/chat.so
    printf '\n\nws /ws/chat/<string:room>/  chat.so\n' >mistake/routing.conf
    ! (cd mistake && "$SLUICE" check >"$work/found" 2>&1)
    sed '$d' "$work/found" | diff "$work/expected" -
}

need make pkg-config cc
server_prepare </dev/null
check "make install" installs
mkdir "$work/empty"
cd "$work/empty" || exit 1
conf=$work/empty/routing.conf
echo "listen 127.0.0.1:$port" >"$conf"
check "the installed program starts" server_start

check "the README's consumer has ten lines" is_ten_lines
check "the README's one line builds it, without a warning" builds
check "one line of routing.conf and SIGHUP mount it" mounts
check "it answers" answers '{"name": "Ada"}' '{"greeting": "Hello, Ada!"}'
check "as the README says" answers '{}' '{"greeting": "Hello, you!"}'

sed -i 's/Hello,/Hello again,/' greet.c
check "changed, it builds again, over the one that runs" builds
check "SIGHUP" kill -HUP "$server"
check "the new code answers" answers '{"name": "Ada"}' '{"greeting": "Hello again, Ada!"}'

check "an object that does not load is refused, with its place" is_refused
check "and changes nothing" answers '{"name": "Ada"}' '{"greeting": "Hello again, Ada!"}'
check "a mistake is explained as the README shows" is_explained

check "the server stops" server_stop
report
