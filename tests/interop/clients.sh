#!/bin/sh
# interop/clients: clients that nobody here wrote talk to the demo: Debian's python3-websockets, npm's
# ws, and curl, to which what comes behind the handshake is bytes.
# shellcheck source=tests/interop/server.sh
. "$(dirname "$0")/server.sh"

# What a client hears while the server stops: the code must be 1001.
stops_with_1001()
{
    : >"$work/code"
    "$python" - "$url" >"$work/code" <<'PY' &
import asyncio, sys, websockets
async def main():
    async with websockets.connect(sys.argv[1].replace("http", "ws") + "/ws/echo/") as ws:
        print("connected", flush=True)
        await ws.wait_closed()
        print(ws.close_code, flush=True)
asyncio.run(main())
PY
    client=$!
    for _ in $(seq 100); do
        grep -q connected "$work/code" && break
        sleep 0.1
    done
    server_stop && wait "$client" && [ "$(tail -n 1 "$work/code")" = 1001 ]
}

# Two frames under a mask of zeros: Hello, then close.
FRAMES='\201\205\0\0\0\0Hello\210\202\0\0\0\0\003\350'

# curl_hears PATH ANSWER: the answer to those, in hexadecimal; a pattern.
curl_hears()
{
    # shellcheck disable=SC2059 # the frames are a format
    heard=$(printf "$FRAMES" | curl -sS -N --http1.1 --max-time 10 -X GET --data-binary @- \
        -H 'Content-Length:' -H 'Content-Type:' -H 'Connection: Upgrade' -H 'Upgrade: websocket' \
        -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' \
        -H 'Sec-WebSocket-Extensions: permessage-deflate' -D "$work/head" "$url$1" |
        od -An -v -tx1 | tr -d ' \n')
    grep -q '^Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=' "$work/head" || return 1
    # shellcheck disable=SC2254 # a pattern
    case $heard in
    $2) return 0 ;;
    esac
    echo "     heard $heard"
    return 1
}

compress=${DEMO_PLAIN:+#}compress # a build without it
server_prepare <<CONF
ws /ws/versions/ echo.so {
    subprotocols chat.v2 chat.v1
}
ws /ws/packed/ echo.so {
    $compress takeover=on min=1
}
ws /ws/packed/alone/ echo.so {
    $compress min=1
}
ws /ws/packed/narrow/ echo.so {
    $compress takeover=on window=9 min=1
}
CONF
check "python3-websockets is installed" "$python" -c 'import websockets'
check "npm's packages are there" node_packages
check "the server starts" server_start

add "$python" "$top/tests/interop/client.py" "ws://127.0.0.1:$port"
add node "$top/tests/interop/client.mjs" "ws://127.0.0.1:$port"
check "curl hears Hello, and close" curl_hears /ws/echo/ 810548656c6c6f880203e8
if [ -z "${DEMO_PLAIN-}" ]; then
    check "curl hears it compressed" curl_hears /ws/packed/ 'c1*880203e8'
else
    check "curl's offer is declined" curl_hears /ws/packed/ 810548656c6c6f880203e8
fi

check "the server lives" kill -0 "$server"
check "a server that stops closes with 1001, and ends with status 0" stops_with_1001
check "no sanitizer complains" no_sanitizer_complains
report
