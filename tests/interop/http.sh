#!/bin/sh
# interop/http: pages, handshakes and refusals as curl sees them.
# shellcheck source=tests/interop/server.sh
. "$(dirname "$0")/server.sh"

# is STATUS ARGUMENTS...: what curl gets. The answer's head is then in $work/head, its body in $work/body.
is()
{
    expected=$1
    shift
    : >"$work/body"
    found=$(curl -s -m 10 --path-as-is -D "$work/head" -o "$work/body" -w '%{http_code}' "$@")
    [ "$found" = "$expected" ] || { echo "status $found, expected $expected"; return 1; }
}

# has FIELD REGEX: of the head that `is` got.
has()
{
    sed -n "s/^$1: \(.*\).$/\1/Ip" "$work/head" | grep -qE "^($2)\$" ||
        { echo "no $1: $2 in:"; cat "$work/head"; return 1; }
}

# A handshake. curl waits for more after a 101, so it is given a second.
handshake()
{
    curl -s -m 1 -i --http1.1 -H 'Connection: Upgrade' -H 'Upgrade: websocket' \
        -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' "$@" >"$work/head"
    sed -n '1s/^HTTP.1.1 \([0-9]*\).*/\1/p' "$work/head"
}
shakes()
{
    expected=$1
    shift
    found=$(handshake "$@")
    [ "$found" = "$expected" ] || { echo "status $found, expected $expected"; return 1; }
}

same_as() { cmp "$work/body" "$top/$1"; }
holds() { [ "$(cat "$work/body")" = "$1" ] || { cat "$work/body"; return 1; }; }
logged() { grep -q " http\.$1" "$work/err" || { tail -n 5 "$work/err"; return 1; }; }

# connections COUNT ARGUMENTS...: what curl asks for one after the other needs so many.
connections()
{
    expected=$1
    shift
    found=$(curl -s -m 10 -w '%{num_connects}\n' "$@" | awk '{ n += $1 } END { print n }')
    [ "$found" = "$expected" ] || { echo "$found connections, expected $expected"; return 1; }
}
empty() { [ ! -s "$work/body" ]; }
repeat() { head -c "$1" /dev/zero | tr '\0' "$2"; }

server_prepare </dev/null
echo secret >"$work/consumers/pages/.hidden"
ln -s ../../routing.conf "$work/consumers/pages/link.conf"
mkdir "$work/consumers/pages/empty"
seq 200000 >"$work/consumers/pages/numbers.txt"
printf 0123456789 >"$work/consumers/pages/digits.txt"
numbers=$url/static/numbers.txt
digits=$url/static/digits.txt
check "the server starts" server_start

# -- Pages -------------------------------------------------------------------------------------------

check "the start page" is 200 "$url/"
check "is what the file holds" same_as consumers/pages/index.html
check "is HTML" has Content-Type 'text/html; charset=utf-8'
check "has a policy" has Content-Security-Policy "default-src 'self';.*"
check "says when it changed" has Last-Modified '[A-Z][a-z]{2}, .* GMT'
check "a query changes nothing" is 200 "$url/?a=b"
check "HEAD of the start page" is 200 -I "$url/"
check "says how long it is" has Content-Length "$(wc -c <"$top/consumers/pages/index.html")"
check "the chat" is 200 "$url/chat"
check "the chat of a room" is 200 "$url/chat/red/"
check "the chat of a Chinese room" is 200 "$url/chat/%E8%BF%90%E7%BB%B4/"
check "a script" is 200 "$url/static/chat.js"
check "is JavaScript" has Content-Type 'text/javascript(; charset=utf-8)?'
check "may be kept a minute" has Cache-Control '.*max-age=60.*'
check "a style sheet" is 200 "$url/static/style.css"
check "is CSS" has Content-Type 'text/css(; charset=utf-8)?'
check "a picture" is 200 "$url/static/icon.svg"
check "is SVG" has Content-Type 'image/svg\+xml.*'
check "what has not changed is not sent" is 304 -z "$work/consumers/pages/chat.js" "$url/static/chat.js"
check "has no body" empty

# -- Conditions --------------------------------------------------------------------------------------

check "a file has a tag" is 200 --etag-save "$work/etag" "$digits"
check "which is strong" has ETag '"[0-9a-f]{32}"'
check "says that it has parts" has Accept-Ranges bytes
check "what has that tag is not sent again" is 304 --etag-compare "$work/etag" "$digits"
check "has no body and no length" sh -c "! grep -qi '^Content-Length' '$work/head' && [ ! -s '$work/body' ]"
check "says its tag" has ETag "$(cat "$work/etag")"
check "what has it in a list is not, either" is 304 -H "If-None-Match: \"x\", W/$(cat "$work/etag")" "$digits"
check "a date counts less" is 200 -H 'If-None-Match: "x"' \
    -H 'If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT' "$digits"
check "only if it is this one" is 200 -H "If-Match: $(cat "$work/etag")" "$digits"
check "only if it is another" is 412 -H 'If-Match: "x"' "$digits"
check "only if it is older" is 412 -H 'If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT' "$digits"
check "is older" is 200 -H 'If-Unmodified-Since: Fri, 01 Jan 2100 00:00:00 GMT' "$digits"

# -- Ranges ------------------------------------------------------------------------------------------

check "the first bytes" is 206 -r 0-2 "$digits"
check "are those" holds 012
check "says which" has Content-Range 'bytes 0-2/10'
check "how many" has Content-Length 3
check "and the log" logged 'request .*path=/static/digits.txt status=206 bytes=3 '
check "the last bytes" is 206 -r -2 "$digits"
check "are those" holds 89
check "all but the first" is 206 -r 1- "$digits"
check "are those" holds 123456789
check "beyond the end" is 416 -r 10-19 "$digits"
check "says how long it is" has Content-Range 'bytes \*/10'
check "no range at all" is 200 -r 5-1 "$digits"
check "is the whole file" holds 0123456789
check "HEAD knows no ranges" is 200 -I -r 0-2 "$digits"
check "two ranges" is 206 -r 0-1,8-9 "$digits"
check "come as parts" has Content-Type 'multipart/byteranges; boundary=.*'
check "one of them" grep -q 'Content-Range: bytes 8-9/10' "$work/body"
check "ranges that touch" is 206 -r 3-4,0-2 "$digits"
check "come as one" holds 01234
check "a range of the same version" is 206 -r 0-2 -H "If-Range: $(cat "$work/etag")" "$digits"
check "a range of another one" is 200 -r 0-2 -H 'If-Range: "x"' "$digits"
head -c 100000 "$work/consumers/pages/numbers.txt" >"$work/part"
check "a download goes on" curl -s -m 10 -C - -o "$work/part" "$numbers"
check "and is whole" cmp "$work/part" "$work/consumers/pages/numbers.txt"

# -- Bodies ------------------------------------------------------------------------------------------

post="-X POST -H Expect: --data-binary @$work/consumers/pages/index.html"
check "a body does no harm" is 405 -H Expect: --data-binary "@$work/consumers/pages/index.html" "$digits"
check "says how long its answer is" logged 'request method=POST .*status=405 bytes=23 '
# shellcheck disable=SC2086 # many words
check "the connection serves on" connections 1 $post -o "$work/body" "$digits" --next -s -w '%{num_connects}\n' \
    -o "$work/body" "$digits"
check "with the next answer" holds 0123456789
check "a body behind a file" is 200 -X GET -H Expect: --data-binary "@$work/consumers/pages/index.html" "$digits"
check "chunks" is 405 -X POST -H Expect: -H 'Transfer-Encoding: chunked' --data-binary "@$work/page" "$digits"
check "an upload in chunks" sh -c "head -c 500000 '$work/consumers/pages/numbers.txt' | \
    [ \"\$(curl -s -m 10 -H Expect: -T - -o '$work/body' -w '%{http_code}' '$digits')\" = 405 ]"
check "an upload that asks first" is 405 -H 'Expect: 100-continue' -T "$work/consumers/pages/chat.js" "$digits"
check "is answered, and the line closed" has Connection close
head -c 2000000 /dev/zero >"$work/large"
check "a body beyond the limit" is 413 -H Expect: --data-binary "@$work/large" "$digits"
check "closes the line" has Connection close
check "is logged" logged 'refused .*status=413 bytes=22 why="a body beyond the limit"'
check "is not asked for" is 413 -H 'Expect: 100-continue' --data-binary "@$work/large" "$digits"
check "is cut in chunks" is 413 -H Expect: -H 'Transfer-Encoding: chunked' --data-binary "@$work/large" "$digits"

# -- Refusals ----------------------------------------------------------------------------------------

check "nothing is there" is 404 "$url/nothing"
check "nothing with a slash" is 404 "$url/chat/"
check "nothing in static" is 404 "$url/static/nothing.js"
for path in /static/../routing.conf /static/..%2frouting.conf /static/%2e%2e/routing.conf \
    /static//etc/passwd /static/.hidden /static/link.conf /static/empty/../../chat.c /static/%00 /static/empty/; do
    check "no way out: $path" is 404 "$url$path"
done
for method in POST PUT DELETE PATCH; do
    check "$method of a page" is 405 -X "$method" "$url/"
    check "says what is allowed" has Allow 'GET, HEAD'
done
check "a WebSocket path without an upgrade" is 426 "$url/ws/echo/"
check "says to what" has Upgrade websocket
check "a request line that is too long" is 414 "$url/$(repeat 9000 x)"
check "a header that is too long" is 431 -H "X: $(repeat 40000 x)" "$url/"
# shellcheck disable=SC2046 # many words
check "too many headers" is 431 $(for i in $(seq 120); do echo "-HX$i:1"; done) "$url/"
check "a host that is none" is 400 -H 'Host: a b' "$url/"

# -- Handshakes --------------------------------------------------------------------------------------

check "a handshake" shakes 101 "$url/ws/echo/"
check "proves that it was read" has Sec-WebSocket-Accept 's3pPLMBiTxaQ9kYGzzhZRbK\+xOo='
check "agrees to nothing that was not offered" sh -c "! grep -qi '^Sec-WebSocket-[PE]' '$work/head'"
check "from this host's pages" shakes 101 -H "Origin: $url" "$url/ws/echo/"
check "from another site's pages" shakes 403 -H 'Origin: https://evil.example' "$url/ws/echo/"
check "the log has the line that would allow it" grep -q 'origins same https://evil.example' "$work/err"
check "by POST" shakes 405 -X POST "$url/ws/echo/"
check "of an old version" is 426 -H 'Connection: Upgrade' -H 'Upgrade: websocket' \
    -H 'Sec-WebSocket-Version: 8' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' "$url/ws/echo/"
check "says which one" has Sec-WebSocket-Version 13
check "without a key" is 400 -H 'Connection: Upgrade' -H 'Upgrade: websocket' \
    -H 'Sec-WebSocket-Version: 13' "$url/ws/echo/"
check "with a key that is too short" is 400 -H 'Connection: Upgrade' -H 'Upgrade: websocket' \
    -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: c2hvcnQ=' "$url/ws/echo/"
check "on a path that is a page" shakes 404 "$url/chat"
check "to a room whose name holds a zero byte" shakes 400 "$url/ws/chat/a%00b/"
check "to a room whose name is too long" shakes 400 "$url/ws/chat/$(repeat 95 x)/"

check "the server stops" server_stop
report
