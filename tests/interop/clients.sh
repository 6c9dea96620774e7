#!/bin/sh
# interop/clients: clients that nobody here wrote talk to the demo: Debian's python3-websockets, npm's ws.
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

server_prepare <<'CONF'
ws /ws/versions/ echo.so {
    subprotocols chat.v2 chat.v1
}
CONF
check "python3-websockets is installed" "$python" -c 'import websockets'
check "npm's packages are there" node_packages
check "the server starts" server_start

add "$python" "$top/tests/interop/client.py" "ws://127.0.0.1:$port"
add node "$top/tests/interop/client.mjs" "ws://127.0.0.1:$port"

check "the server lives" kill -0 "$server"
check "a server that stops closes with 1001, and ends with status 0" stops_with_1001
check "no sanitizer complains" no_sanitizer_complains
report
