#!/usr/bin/env bash
# layers: includes only go down. The order is that of runtime/README.md:
#
#     base  <  wire, conf, plugin  <  loop  <  layer  <  server  <  supervise  <  reload
#           <  control, watch  <  the files of runtime/ itself  <  testing
#
# A file names what it includes with its room, so the direction shows in the line. Without an argument:
# first that the check can fail, then the tree of $srcdir. With one: that tree, and nothing else.
set -euo pipefail

# Prints "FILE:LINE: what is wrong" for each such include below the directory $1.
check_tree() (
    cd "$1"
    # shellcheck disable=SC2016  # the dollars are awk's
    find runtime consumers -name '*.[ch]' | LC_ALL=C sort | xargs awk '
        BEGIN {
            count = split("base:0 wire:1 conf:1 plugin:1 loop:2 layer:3 server:4 supervise:5 " \
                "reload:6 control:7 watch:7 runtime:8 testing:9", rooms, " ")
            for (i = 1; i <= count; i++) {
                split(rooms[i], pair, ":")
                order[pair[1]] = pair[2]
            }
        }
        function wrong(what) {
            printf "%s:%d: %s\n", FILENAME, FNR, what
        }
        function check_room(target, above) {
            if (!(target in order))
                wrong("there is no room \"" target "\"")
            else if (order[target] > order[room])
                wrong(room " includes from " target ", which lies above it")
            else if (order[target] == order[room] && target != room)
                wrong(room " includes from " target ", which lies beside it")
        }
        FNR == 1 {
            split(FILENAME, path, "/")
            room = path[1] == "consumers" ? path[1] : path[3] == "" ? "runtime" : path[2]
        }
        /^[ \t]*#[ \t]*include[ \t]*["<]/ {
            quoted = $0 ~ /^[^<]*"/
            name = $0
            sub(/^[^"<]*["<]/, "", name)
            sub(/[">].*/, "", name)
            first = name
            sub(/\/.*/, "", first)

            if (room == "consumers") {
                if (quoted || first in order)
                    wrong("a consumer includes <sluice/sluice.h>, and nothing of the runtime")
            } else if (!quoted && (first in order))
                wrong("include \"" name "\" in quotes")
            else if (!quoted && first == "event2" && order[room] < order["loop"])
                wrong(room " knows nothing of libevent: loop and what lies above it do")
            else if (!quoted && name == "dlfcn.h" && room != "plugin")
                wrong("only plugin loads shared objects")
            else if (!quoted && room == "wire" && name ~ /^(sys\/socket|netinet\/.*|time|sys\/time)\.h$/)
                wrong("wire has no sockets and no clock")
            else if (quoted && first == name && order[room] < order["runtime"])
                wrong("include \"" name "\" with its room")
            else if (quoted && first != name)
                check_room(first)
        }'
)

passed=0
failed=0

verdict() { # NAME, then the command that says whether it holds
    local name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL: $name"
    fi
}

# An include line in a file of a tree of its own, and what is said about it ("" for nothing).
says() { # FILE LINE EXPECTED
    local tree output
    tree=$(mktemp -d)
    mkdir -p "$tree/runtime" "$tree/consumers" "$tree/$(dirname "$1")"
    printf '/* a file */\n%s\n' "$2" >"$tree/$1"
    output=$(check_tree "$tree")
    rm -r "$tree"
    [[ $output == "${3:+$1:2: $3}" ]] && return
    printf '%s: %s\n  expected: %s\n  said:     %s\n' "$1" "$2" "$3" "$output"
    return 1
}

can_fail() {
    verdict up says runtime/base/a.c '#include "loop/loop.h"' \
        'base includes from loop, which lies above it'
    verdict beside says runtime/wire/a.h '#include "conf/lex.h"' \
        'wire includes from conf, which lies beside it'
    verdict "beside, above" says runtime/watch/a.c '#include "control/tell.h"' \
        'watch includes from control, which lies beside it'
    verdict "top, by name" says runtime/control/a.c '#include "cli.h"' 'include "cli.h" with its room'
    verdict top says runtime/server/a.c '#include "runtime/cli.h"' \
        'server includes from runtime, which lies above it'
    verdict "no room" says runtime/layer/a.c '#include "local.h"' 'include "local.h" with its room'
    verdict "unknown room" says runtime/layer/a.c '#include "../base/mem.h"' 'there is no room ".."'
    verdict indented says runtime/conf/a.c '  #  include "server/conn.h"' \
        'conf includes from server, which lies above it'
    verdict angles says runtime/base/a.c '#include <server/conn.h>' \
        'include "server/conn.h" in quotes'
    verdict libevent says runtime/wire/a.c '#include <event2/event.h>' \
        'wire knows nothing of libevent: loop and what lies above it do'
    verdict dlopen says runtime/server/a.c '#include <dlfcn.h>' 'only plugin loads shared objects'
    verdict socket says runtime/wire/a.c '#include <sys/socket.h>' 'wire has no sockets and no clock'
    verdict consumer says consumers/a.c '#include "base/mem.h"' \
        'a consumer includes <sluice/sluice.h>, and nothing of the runtime'

    verdict down says runtime/server/a.c '#include "wire/frame.h"' ''
    verdict own says runtime/plugin/a.c '#include "plugin/consumer.h"' ''
    verdict "top to top" says runtime/cli.c '#include "run.h"' ''
    verdict "top to room" says runtime/main.c '#include "server/server.h"' ''
    verdict "testing to top" says runtime/testing/a.c '#include "api.h"' ''
    verdict system says runtime/loop/a.c '#include <event2/event.h>' ''
    verdict public says consumers/a.c '#include <sluice/sluice.h>' ''
}

holds() {
    local wrong
    wrong=$(check_tree "$1") || return 1
    [[ -z $wrong ]] || {
        echo "$wrong"
        return 1
    }
}

if (($# > 0)); then
    verdict "$1" holds "$1"
else
    can_fail
    verdict tree holds "${srcdir:-.}"
fi
echo "$passed passed, $failed failed"
((failed == 0))
