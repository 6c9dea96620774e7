#!/bin/sh
# interop/abuse: clients as nobody wants them, many at once. The server is there afterwards for one who
# behaves, nothing of theirs is left, and it ends well under their load.
# shellcheck source=tests/interop/server.sh
. "$(dirname "$0")/server.sh"

# connects and disconnects of each generation of the servant, as its unload says them.
every_connection_ended_once()
{
    grep -c '^servant: ' "$work/err" >/dev/null &&
        ! grep '^servant: ' "$work/err" | awk '$2 != $3 { print; found = 1 } END { exit !found }'
}

server_prepare <<EOT
ws /servant/  servant.so
ws /blocking/ servant_blocking.so
http /file/   dir=files
EOT
# Short times, in front of the mounts; the demo's log would be long.
sed -i "1i limits backlog=256k closing=500ms unfinished=2s message=2m\n\
server handshake=2s keep-alive=2s stop=5s\npool threads=2 queue=100" "$conf"
cp "$build/tests/plugins/servant.so" "$build/tests/plugins/servant_blocking.so" "$work/consumers/"
mkdir "$work/files"
head -c 20000000 /dev/zero >"$work/files/large"

check "the server starts" server_start || { report; exit 1; }
add "$python" "$top/tests/interop/abusers.py" "$port" "$server"

"$python" "$top/tests/interop/abusers.py" "$port" "$server" load &
load=$!
sleep 2
check "it stops under load" server_stop
wait "$load"
check "each connection ended once" every_connection_ended_once
check "no sanitizer complains" no_sanitizer_complains
report
