#!/bin/sh
# interop/conformance: the protocol to the byte, by a client that sends what no library would.
# shellcheck source=tests/interop/server.sh
. "$(dirname "$0")/server.sh"

# The connection's end must come from the server itself, and not from `closing`: that is longer than
# the client waits.
server_prepare <<'CONF'
ws /ws/strict/ echo.so {
    limits closing=1m
}
ws /ws/small/ echo.so {
    limits message=1000 fragments=4 closing=1m
}
ws /ws/large/ echo.so {
    limits message=64m fragments=1m backlog=64m closing=1m
}
ws /ws/closes/<str:room>/ chat.so {
    limits closing=3s
}
ws /ws/versions/ echo.so {
    subprotocols v2 v1
    limits closing=1m
}
CONF
check "the server starts" server_start
add "$python" "$top/tests/interop/conformance.py" "127.0.0.1:$port" "$@"
check "the server lives" kill -0 "$server"
check "the server stops" server_stop
check "no sanitizer complains" no_sanitizer_complains
report
