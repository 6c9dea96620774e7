#!/bin/sh
# interop/livecode: docs/live-code.md, done: its consumers are built, one takes the other's place under a
# client that stays connected, and the client must see what the page says it sees.
#
# Each fenced block that is used stands behind a comment: <!-- live: NAME -->.
# shellcheck source=tests/interop/server.sh
. "$(dirname "$0")/server.sh"

# block NAME: the text of that block.
block()
{
    awk -v mark="<!-- live: $1 -->" '
        $0 == mark { found = 1; next }
        found && /^```/ { if (inside) exit; inside = 1; next }
        inside' "$top/docs/live-code.md"
}

# What make install would put there is enough, without building it once more.
finds_the_headers()
{
    mkdir -p "$work/lib/pkgconfig" "$work/lib/sluice"
    for pc in sluice sluice-testing; do
        sed -e "s|^includedir=.*|includedir=$top/include|" -e "s|^libdir=.*|libdir=$build|" "$build/$pc.pc" \
            >"$work/lib/pkgconfig/$pc.pc"
    done
    cp "$top/runtime/testing.list" "$work/lib/sluice/"
    export PKG_CONFIG_PATH="$work/lib/pkgconfig"
    pkg-config --exists sluice sluice-testing
}

# builds NAME: NAME.so of NAME.c, without a warning.
builds()
{
    # shellcheck disable=SC2046 # words
    cc -Wall -Wextra -Werror -shared -fPIC $(pkg-config --cflags sluice) -o "$1.so" "$1.c"
}

takes_block()
{
    # shellcheck disable=SC2094 # the page is read, not this file
    block "$1.c" >"$1.c" && builds "$1"
}

# Lines that go and lines that come, and where neither is, the code changes: `sluice reload` waits for it.
sees_what_the_page_says()
{
    # shellcheck disable=SC2094 # the same
    block seen >seen
    "$python" - "$url" "$SLUICE" reload -c "$conf" <<'PY'
import asyncio, subprocess, sys, websockets
url, *reload = sys.argv[1:]

async def main():
    async with websockets.connect(url.replace("http", "ws") + "/ws/hall/") as ws:
        for line in open("seen"):
            if line.startswith("> "):
                await ws.send(line[2:].rstrip("\n"))
            elif line.startswith("< "):
                found = await asyncio.wait_for(ws.recv(), 20)
                assert found == line[2:].rstrip("\n"), f"found {found}, expected {line}"
            else:
                subprocess.check_call(["cp", "hall-2.so", "hall.so"])
                subprocess.check_call(reload)
asyncio.run(main())
PY
}

# The test of the page, built as the page says, passes; and it can fail.
tests_as_the_page_does()
{
    # shellcheck disable=SC2094 # the same
    block hall_test.c >hall_test.c
    block build >build.sh
    sh -ex build.sh 2>&1 | tee said
    ! grep -qE 'warning|error' said && ./hall_test || return
    sed -i 's/hall->said = old->said;//' hall-2.c
    # Its words are kept apart, or its failure would be counted as one of ours.
    sh -e build.sh && ! ./hall_test >broken 2>&1 && grep -q 'Failures: 1' broken
}

# The one place for all that can be changed in chat.c: the page's line goes where its handler's line is.
changes_the_chat()
{
    line=$(grep -F 'sluice_send_json(ws, "{message: '"'%s[live] %s'"'}"' "$top/docs/live-code.md") || return
    awk -v line="$line" '/sluice_send_json\(ws, "{message: / { print line; next } { print }' \
        "$top/consumers/chat.c" >chat.c
    ! cmp -s chat.c "$top/consumers/chat.c" && builds chat
}

need cc pkg-config
server_prepare </dev/null
cd "$work" || exit 1
printf 'listen 127.0.0.1:%s\nws /ws/hall/ hall.so\nhttp / file=routing.conf\n' "$port" >routing.conf
conf=$work/routing.conf

check "the headers are found" finds_the_headers
check "version 1 builds" takes_block hall-1
check "version 2 builds" takes_block hall-2
cp hall-1.so hall.so
check "the server starts" server_start
check "a client that stays sees what the page says" sees_what_the_page_says
check "the server stops" server_stop
check "and has nothing to complain of" no_sanitizer_complains
check "the page's test of it passes" tests_as_the_page_does
check "the page's line changes the chat" changes_the_chat
report
