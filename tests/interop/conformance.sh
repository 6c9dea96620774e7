#!/bin/sh
# interop/conformance: the protocol to the byte, by a client that sends what no library would.
# shellcheck source=tests/interop/server.sh
. "$(dirname "$0")/server.sh"

# peak_below KILOBYTES: the server's memory, so far.
peak_below()
{
    peak=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB$/\1/p' "/proc/$server/status")
    [ "${peak:-$1}" -lt "$1" ]
}

# The connection's end must come from the server itself, and not from `closing`: that is longer than
# the client waits.
compress=${DEMO_PLAIN:+#}compress # a build without it
server_prepare <<CONF
ws /ws/strict/ echo.so {
    limits closing=1m unfinished=10m
}
ws /ws/small/ echo.so {
    limits message=1000 fragments=4 closing=1m unfinished=10m
}
ws /ws/large/ echo.so {
    limits message=64m fragments=1m backlog=64m closing=1m unfinished=10m
}
ws /ws/closes/<str:room>/ chat.so {
    limits closing=3s
}
ws /ws/packed/ echo.so {
    $compress takeover=on min=1
    limits message=64m fragments=1m backlog=64m closing=1m unfinished=10m
}
ws /ws/packed/alone/ echo.so {
    $compress takeover=off min=1
    limits message=64m fragments=1m backlog=64m closing=1m unfinished=10m
}
ws /ws/packed/narrow/ echo.so {
    $compress takeover=on window=9 min=1
    limits message=64m fragments=1m backlog=64m closing=1m unfinished=10m
}
ws /ws/packed/usual/ echo.so {
    $compress on
    limits closing=1m unfinished=10m
}
ws /ws/packed/tight/ echo.so {
    $compress takeover=on min=1
    limits message=1000 fragments=4 closing=1m unfinished=10m
}
ws /ws/versions/ echo.so {
    subprotocols v2 v1
    limits closing=1m unfinished=10m
}
CONF
check "the server starts" server_start
if [ -z "${DEMO_PLAIN-}" ] && [ $# -eq 0 ]; then
    add "$python" "$top/tests/interop/conformance.py" "127.0.0.1:$port" 16.9
    check "4 GiB that came compressed are never there" peak_below 400000
fi
add "$python" "$top/tests/interop/conformance.py" "127.0.0.1:$port" "$@"
check "the server lives" kill -0 "$server"
check "the server stops" server_stop
check "no sanitizer complains" no_sanitizer_complains
report
