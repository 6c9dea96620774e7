#!/bin/sh
# interop/cli: what the commands print, where, and with which status: those that don't serve, and those that
# ask a server.

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
    for command in run check routes reload status help version; do
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

# serve NAME [COMMAND...]: a server in the directory $work/NAME, whose process is then $pid and its log
# $work/NAME.err; run by another command than `sluice run --no-supervise`, where one is given.
serve()
{
    place=$1
    shift
    [ $# -gt 0 ] || set -- "$SLUICE" run --no-supervise
    : >"$work/$place.out" # what an earlier one said there is not this one's
    (cd "$work/$place" && exec "$@") >"$work/$place.out" 2>"$work/$place.err" &
    pid=$!
    served="$served $pid"
    for _ in $(seq 100); do
        url=$(sed -n 's/^serving on //p' "$work/$place.out")
        [ -n "$url" ] && return
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    cat "$work/$place.out" "$work/$place.err"
    return 1
}

# end PID: asks it to stop, and gives its status.
end()
{
    kill -TERM "$1"
    wait "$1"
}

served=
end_all()
{
    for one in $served; do
        kill -KILL "$one" 2>/dev/null
    done
    server_clean
}

# holds EXPRESSION: of what `sluice status --json -c live/routing.conf` says; `m` are its mounts by pattern.
holds()
{
    "$SLUICE" status --json -c live/routing.conf >"$work/json" || return
    "$python" - "$1" "$work/json" <<'PYTHON'
import json, sys
status = json.load(open(sys.argv[2]))
m = {mount["mount"]: mount for mount in status["mounts"]}
if not eval(sys.argv[1]):
    sys.exit(json.dumps(status, indent=1))
PYTHON
}

# with_clients EXPRESSION: the same while three clients are connected, who have sent ten messages.
with_clients()
{
    "$python" - "$url" >"$work/clients" <<'PYTHON' &
import asyncio, sys, websockets
async def main(url):
    url = url.replace("http", "ws")
    echo, *chat = [await websockets.connect(url + path)
                   for path in ("/ws/echo/", "/ws/chat/red/", "/ws/chat/red/")]
    for _ in range(10):
        await echo.send("hello")
        await echo.recv()
    print("ready", flush=True)
    await asyncio.sleep(60)
asyncio.run(main(sys.argv[1]))
PYTHON
    clients=$!
    for _ in $(seq 100); do
        grep -q ready "$work/clients" && break
        kill -0 "$clients" 2>/dev/null || break
        sleep 0.1
    done
    holds "$1"
    found=$?
    kill "$clients"
    wait "$clients" 2>/dev/null
    return "$found"
}

# The server dies while it is asked to reload.
dies_meanwhile()
{
    cp "$SLUICE_TEST_PLUGINS/load_waits.so" so/ || return
    mkfifo gate || return
    mkdir dying && printf 'listen 127.0.0.1:0\nconsumers ../so\nws /e/ echo.so\n' >dying/routing.conf
    PLUGIN_GATE=$work/gate PLUGIN_TRACE=$work/trace serve dying || return
    echo 'ws /w/ load_waits.so' >>dying/routing.conf
    "$SLUICE" reload -c dying/routing.conf >"$work/out" 2>"$work/err" &
    asking=$!
    for _ in $(seq 100); do
        grep -q loading "$work/trace" 2>/dev/null && break
        sleep 0.1
    done
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null
    wait "$asking"
    [ $? -eq 1 ] && grep -q '^sluice: the server was asked, but it has ended$' "$work/err" && return
    cat "$work/err"
    return 1
}

# What a server left that was killed is no server's; and the next one takes it over.
comes_after_the_dead()
{
    said 1 "" "^sluice: no server runs for .*/dying/routing.conf$" status -c dying/routing.conf || return
    sed -i /load_waits/d dying/routing.conf
    serve dying && said 0 "process $pid" "" status -c dying/routing.conf && end "$pid"
}

# The server of a supervisor dies, and the next one can be asked.
supervised()
{
    serve live "$SLUICE" run || return
    holds "status['supervisor'] == $pid and not status['restarted']" || return
    first=$(sed 's/.*"pid":\([0-9]*\).*/\1/' json)
    kill -KILL "$first"
    for _ in $(seq 100); do
        holds "status['pid'] != $first" 2>/dev/null && break
        sleep 0.1
    done
    holds "status['supervisor'] == $pid and status['pid'] != $first and status['restarted']" &&
        said 0 "up [0-9]*s since a crash$" "" status -c live/routing.conf && end "$pid"
}

# By root alone: the server of a user whom nobody else is, by /tmp, where he has nothing better.
of_somebody()
{
    user=$((3000000000 + $$))
    mkdir -p user/cache && cp -R so user/ && cp "$SLUICE" user/ && chmod 755 "$work" || return
    printf 'listen 127.0.0.1:0\ncache cache\nconsumers so\nws /e/ echo.so\n' >user/routing.conf
    chown -R "$user" user || return
    serve user env -u XDG_RUNTIME_DIR setpriv --reuid "$user" --clear-groups ./sluice run --no-supervise || return
    said 0 "process $pid," "" status -c user/routing.conf || return
    setpriv --reuid "$((user + 1))" --clear-groups user/sluice status -c user/routing.conf 2>"$work/err" && return 1
    end "$pid" && rmdir "/tmp/sluice-$user" && ! grep -q "process" "$work/err"
}

# By root alone: somebody else sits where routing.conf says that the server is.
somebody_else_answers()
{
    mkdir trap && printf 'control %s/open/trap.sock\n' "$work" >trap/routing.conf && mkdir -m 1777 open || return
    setpriv --reuid "$user" --clear-groups "$python" - "$work/open/trap.sock" <<'PYTHON' &
import os, socket, sys, time
trap = socket.socket(socket.AF_UNIX)
trap.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
trap.listen()
time.sleep(60)
PYTHON
    trap=$!
    for _ in $(seq 100); do
        [ "$(stat -c %a open/trap.sock 2>/dev/null)" = 777 ] && break
        sleep 0.1
    done
    said 1 "" "is a socket of user $user, who is not trusted to serve" status -c trap/routing.conf
    found=$?
    kill "$trap"
    return "$found"
}

server_prepare </dev/null
trap end_all EXIT
cd "$work" || exit 1
SLUICE_TEST_PLUGINS=${SLUICE_TEST_PLUGINS:-$build/tests/plugins}
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

# ---- A server is asked ----

mkdir live other "deep down"
printf 'listen 127.0.0.1:0\nloops 2\nconsumers ../so\nws /ws/echo/ echo.so\nws /ws/chat/<str:room>/ chat.so\n' >live/routing.conf
sed -e 's|/ws/echo/|/other/|' live/routing.conf >other/routing.conf
check "status of no server" said 1 "" '^sluice: no server runs for .*/live/routing.conf$' status -c live/routing.conf
check "reload of no server" said 1 "" '^sluice: no server runs for .*/live/routing.conf$' reload -c live/routing.conf
check "status of no file" said 1 "" '^sluice: no server runs for none.conf, and there is no such file$' status -c none.conf
check "status of a word" said 2 "" '"now" makes no sense here' status now
check "a server serves" serve other
other=$pid
check "another server serves" serve live
check "status" said 0 "^sluice [0-9.]*, process $pid, up [0-9]*s$" "" status -c live/routing.conf
check "and of the other" said 0 "process $other," "" status --config=other/routing.conf
check "status by a whole path" said 0 "process $pid," "" status -c "$work/live/routing.conf"
check "and by a crooked one" said 0 "process $pid," "" status -c other/.././live/routing.conf
ln -s ../live/routing.conf "deep down/a link"
ln -s live now
check "and by a link" said 0 "process $pid," "" status -c "deep down/a link"
check "and by a link on the way" said 0 "process $pid," "" status -c now/routing.conf
cd live || exit 1
check "and in its directory" said 0 "process $pid," "" status
cd .. || exit 1
check "the mounts" said 0 '^/ws/chat/<str:room>/  chat.so  *2  *0  *0  *0$' "" status -c live/routing.conf
check "whose server it is" holds "status['pid'] == $pid and status['file'] == 'routing.conf'"
check "how long it is up" holds "0 <= status['uptime_ms'] < 600e3 and status['loaded_ms'] <= status['started_ms']"
check "nobody is there" holds "status['connections']['open'] == 0 and len(status['loops']) == 2"
check "clients are counted" with_clients "status['connections']['open'] == 3 and m['/ws/echo/']['connections'] == 1 \
    and m['/ws/chat/<str:room>/']['connections'] == 2 and sum(l['connections'] for l in status['loops']) == 3 \
    and status['layer']['groups'] == 1 and status['layer']['memberships'] == 2 \
    and status['traffic']['total']['messages_in'] == 10"
check "reload" said 0 '^sluice: reloaded in [0-9]* ms' "" reload -c live/routing.conf
echo 'ws /ws/more/ echo.so' >>live/routing.conf
check "reload of more" said 0 '^  /ws/more/  echo.so (generation 1), new$' "" reload -c live/routing.conf
check "it is there" holds "m['/ws/more/']['generation'] == 1"
echo 'nonsense' >>live/routing.conf
check "a refused reload" said 1 "" '^live/routing.conf:7:1: error: unknown directive "nonsense"$' reload -c live/routing.conf
check "and how many mistakes" said 1 "" '^sluice: 1 error; nothing has changed$' reload -c live/routing.conf
check "and as JSON" said 1 '"done":false,"file":"routing.conf","errors":1' "" reload --json -c live/routing.conf
check "and all is as it was" holds "'/ws/more/' in m"
sed -i /nonsense/d live/routing.conf
mv live/routing.conf live/away
check "reload of a file that has gone" said 1 "" '^live/routing.conf: error: cannot read the file' reload -c live/routing.conf
mv live/away live/routing.conf
echo 'control off' >>live/routing.conf
check "another place takes a restart" said 0 "reloaded in" '"control" changed; it takes effect at the next restart' reload -c live/routing.conf
sed -i '/control/d' live/routing.conf
check "a link leads elsewhere from now on" ln -sfn other now
check "it stops" end "$pid"
check "then it can't be asked" said 1 "" "no server runs for" status -c live/routing.conf
check "the other one can" said 0 "process $other," "" status -c other/routing.conf
check "and by the link" said 0 "process $other," "" status -c now/routing.conf
check "it stops" end "$other"

echo 'control ctl.sock' >>live/routing.conf
check "a server with a place of its own" serve live
check "is found there" said 0 "process $pid," "" status -c live/routing.conf
check "the socket is its user's alone" [ "$(stat -c %a live/ctl.sock)" = 600 ]
sed -i 's/^control .*/control off/' live/routing.conf
check "it stops" end "$pid"
check "nothing is left" [ ! -e live/ctl.sock ]
check "a server that can't be asked" serve live
check "says so" said 1 "" 'can be asked: it says "control off"' status -c live/routing.conf
check "it stops" end "$pid"
sed -i '/^control/d' live/routing.conf
check "the server of a supervisor" supervised
if [ "$(id -u)" -eq 0 ]; then
    check "root finds a user's server, another user doesn't" of_somebody
    check "and believes nobody else" somebody_else_answers
fi
check "a server that dies meanwhile" dies_meanwhile
check "and the one that comes after it" comes_after_the_dead
report
