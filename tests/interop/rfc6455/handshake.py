"""rfc6455/handshake: what a server has to answer to a client's opening handshake (RFC 6455, section 4).

A case is the bytes of a request, and the answer's status and fields. Where it is 101 the connection
is used: a message goes there and back, and a close frame.
"""

import base64
import dataclasses
import re

from rfc6455.case import ALL, COARSE, ECHO, close, closed, fault
from rfc6455.peer import CLOSE, KEY, PING, PONG, TEXT, accept_of, frame, request_of

AGREED = {
    "upgrade": "websocket",
    "connection": "Upgrade",
    "sec-websocket-accept": accept_of(KEY),
    "sec-websocket-extensions": None,
    "sec-websocket-protocol": None,
    "content-length": None,
}
VERSIONS = "/ws/versions/"  # a mount with the subprotocols v2 and v1
NAMED = {426: {"upgrade": "websocket"}, 405: {"allow": "GET"}}


@dataclasses.dataclass
class Handshake:
    group: str
    title: str
    sent: bytes
    status: int
    fields: dict  # of the answer; None: must not be there
    come: list = None  # frames, where some were sent behind the request
    feeds: tuple = ALL
    size: int = 0
    offer: str = ""
    stands_for: str = ""
    id: str = ""


class Maker:
    def __init__(self, host):
        self.host = host

    def case(self, group, title, status, fields=(), answer=None, behind=b"", come=None, path=ECHO, **how):
        sent = request_of(path, self.host, fields, **how)
        return self.raw(group, title, status, sent, answer, behind, come)

    def raw(self, group, title, status, sent, answer=None, behind=b"", come=None):
        expected = NAMED.get(status, {})
        if status == 101:
            expected = AGREED
        expected = expected | (answer or {})
        feeds = ALL if len(sent + behind) < 1000 else COARSE
        return Handshake(group, title, sent + behind, status, expected, come, feeds)

    def whole(self):
        yield self.case("0.1", "a handshake", 101)
        yield self.case("0.1", "as a browser sends it", 101, [
            ("Connection", "keep-alive, Upgrade"), ("Pragma", "no-cache"), ("Cache-Control", "no-cache"),
            ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64)"), ("Origin", f"http://{self.host}"),
            ("Accept-Encoding", "gzip, deflate"), ("Accept-Language", "de,en;q=0.5"), ("Cookie", "a=b; c=d"),
            ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
        ], {"sec-websocket-extensions": None})

    def tokens(self):
        for value in (
            "websocket", "WebSocket", "WEBSOCKET", "h2c, websocket", "websocket,h2c", ",websocket,",
            "\twebsocket ",
        ):
            yield self.case("0.2", f"Upgrade: {value!r}", 101, [("Upgrade", value)])
        yield self.case("0.2", "two Upgrade fields", 101, [("Upgrade", "h2c"), ("Upgrade", "websocket")])
        for value in ("", "websockets", "web socket", "websocket;", "h2c", "\"websocket\"", None):
            yield self.case("0.2", f"Upgrade: {value!r}", 426, [("Upgrade", value)])
        for value in (
            "Upgrade", "upgrade", "UPGRADE", "keep-alive, Upgrade", "Upgrade,keep-alive", ",,Upgrade,,",
            "x , \tUpgrade\t, y",
        ):
            yield self.case("0.3", f"Connection: {value!r}", 101, [("Connection", value)])
        yield self.case(
            "0.3", "two Connection fields", 101, [("Connection", "keep-alive"), ("Connection", "Upgrade")]
        )
        for value in ("", "keep-alive", "Upgraded", "Up grade", "Upgrade;", "close", None):
            yield self.case("0.3", f"Connection: {value!r}", 426, [("Connection", value)])

    def versions(self):
        for value in ("13", " 13 ", "\t13"):
            yield self.case("0.4", f"version {value!r}", 101, [("Sec-WebSocket-Version", value)])
        for value in (
            "0", "7", "8", "12", "14", "113", "013", "+13", "13.0", "1 3", "13;", "x", "", "-13", "13, 8",
            "8, 13", "13,13", None,
        ):
            answer = {"sec-websocket-version": "13"}
            yield self.case("0.4", f"version {value!r}", 426, [("Sec-WebSocket-Version", value)], answer)
        for second in ("13", "8"):
            fields = [("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Version", second)]
            yield self.case("0.4", f"version 13, and then {second}", 400, fields)

    def keys(self):
        sixteen = (bytes(16), b"\xff" * 16, bytes(range(1, 17)), b"\xfb\xef\xbe" * 5 + b"\xfb")
        keys = [base64.b64encode(data).decode() for data in sixteen]
        keys += ["AQIDBAUGBwgJCgsMDQ4PEC=="]  # the example of section 4.1, which has bits to spare set
        for key in keys:
            answer = {"sec-websocket-accept": accept_of(key)}
            yield self.case("0.5", f"key {key}", 101, [("Sec-WebSocket-Key", key)], answer)
        yield self.case("0.5", "a key with blanks around it", 101, [("Sec-WebSocket-Key", f" \t{KEY}\t ")])
        wrong = [base64.b64encode(bytes(size)).decode() for size in (0, 1, 12, 15, 17, 18, 32)]
        wrong += [
            KEY[:22],
            KEY[:23],
            KEY + "=",
            KEY[:11] + " " + KEY[12:],
            KEY[:11] + "-" + KEY[12:],
            KEY[:11] + "=" + KEY[12:],
        ]
        wrong += [f'"{KEY}"', f"{KEY}, {KEY}", "x" * 24, "=" * 24, KEY + "A" * 500, None]
        for key in wrong:
            yield self.case("0.5", f"key {key!r:.60}", 400, [("Sec-WebSocket-Key", key)])
        yield self.case("0.5", "two keys", 400, [("Sec-WebSocket-Key", KEY), ("Sec-WebSocket-Key", KEY)])

    def lists(self):
        for value, chosen in (
            ("v1", "v1"), ("v2", "v2"), ("v1, v2", "v2"), ("v2,v1", "v2"), ("x,v1 ,y", "v1"), ("v3", None),
            ("V1", None), (",v1,", "v1"),
        ):
            answer = {"sec-websocket-protocol": chosen}
            yield self.case(
                "0.6",
                f"subprotocols {value!r}",
                101,
                [("Sec-WebSocket-Protocol", value)],
                answer,
                path=VERSIONS,
            )
        fields = [("Sec-WebSocket-Protocol", "v3"), ("Sec-WebSocket-Protocol", "v1")]
        yield self.case(
            "0.6", "subprotocols in two fields", 101, fields, {"sec-websocket-protocol": "v1"}, path=VERSIONS
        )
        yield self.case("0.6", "subprotocols that nobody asked for", 101, [("Sec-WebSocket-Protocol", "v1")])
        yield self.case("0.6", "no subprotocol, though there are some", 101, path=VERSIONS)
        for value in ("v1, v1", "v 1", "v1;x", "v1/2", "\"v1\"", "v\xe9"):
            yield self.case(
                "0.6", f"subprotocols {value!r}", 400, [("Sec-WebSocket-Protocol", value)], path=VERSIONS
            )
        for value in ("x", "x; y", "x; y=z, a; b=\"c\"", "x-webkit-deflate-frame", "permessage-bzip2, x"):
            yield self.case("0.7", f"extensions {value!r}", 101, [("Sec-WebSocket-Extensions", value)])
        for value in ("x;", "x y", "x; y=", "x; =y", "; x", "x; y=\"a b\"", "x; y=\"z"):
            yield self.case("0.7", f"extensions {value!r}", 400, [("Sec-WebSocket-Extensions", value)])

    def hosts(self):
        for host in ("example.org", "EXAMPLE.org:80", "[::1]:8000", "127.0.0.1", "example.org:"):
            yield self.case("0.8", f"Host: {host}", 101, [("Host", host)])
        for host in (None, "", "a b", "a/b", "user@example.org", "a:b", "[::1", "a,b c", "example.org:99999"):
            yield self.case("0.8", f"Host: {host!r}", 400, [("Host", host)])
        yield self.case("0.8", "two Hosts", 400, [("Host", self.host), ("Host", self.host)])
        for origin, status in (
            (f"http://{self.host}", 101),
            ("http://evil.example", 403),
            ("null", 403),
            (f"http://{self.host}0", 403),
            ("", 403),
        ):
            yield self.case("0.9", f"Origin: {origin!r}", status, [("Origin", origin)])

    def targets(self):
        for path, status in (
            (f"ws://{self.host}{ECHO}", 101), (f"http://{self.host}{ECHO}", 101),
            (f"HTTP://{self.host}{ECHO}?a=b", 101),
            (f"wss://other.example{ECHO}", 101), ("/ws/%73trict/", 101), ("/%77%73/%73%74%72%69%63%74/", 101),
            (f"{ECHO}?", 101),
            (f"/{ECHO}", 101), (f"{ECHO}?a=%00&b=%ff", 101), (f"{ECHO}?ws://x/", 101),
            ("/ws/strict", 404), ("/ws/strict//", 404), ("/ws/./strict/", 404), ("/ws/x/../strict/", 404),
            ("/WS/strict/", 404),
            ("/ws/strict/%00", 404), ("/ws/%2573trict/", 404), ("/ws/strict%", 404), ("/", 404),
            ("/ws/strict/x", 404),
            (f"{ECHO}#x", 400), ("*", 400), ("ws/strict/", 400), ("ftp://x/", 400), ("ws:///ws/strict/", 400),
            ("http://a b/", 400),
            ("/ws/str\xe9ct/", 400), ("/ws/str\x00ct/", 400), (f"ws://user@{self.host}{ECHO}", 400),
            ("", 400),
        ):
            yield self.case("0.10", f"target {path!r}", status, path=path)
        yield self.case(
            "0.10",
            "a target whose host is another than Host",
            101,
            [("Host", "other.example")],
            path=f"ws://{self.host}{ECHO}",
        )

    def request_lines(self):
        for version, status in (
            ("HTTP/1.1", 101), ("HTTP/1.2", 101), ("HTTP/1.0", 400), ("HTTP/2.0", 505), ("HTTP/0.9", 505),
            ("HTTP/3.0", 505),
            ("http/1.1", 400), ("HTTP/1.1 ", 400), ("HTTP/11", 400), ("HTTP/1.1x", 400), ("HTTP/1,1", 400),
            ("HTTP/1.10", 400), ("", 400),
        ):
            yield self.case("0.11", f"version {version!r}", status, version=version)
        yield self.case("0.11", "no version", 400, line=f"GET {ECHO}")
        yield self.case("0.11", "two blanks", 400, line=f"GET  {ECHO} HTTP/1.1")
        yield self.case("0.11", "a tab", 400, line=f"GET\t{ECHO} HTTP/1.1")
        yield self.case("0.11", "a blank before it", 400, line=f" GET {ECHO} HTTP/1.1")
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "get", "Get", "X"):
            yield self.case("0.12", f"method {method}", 405, method=method)
        yield self.case("0.12", "method CONNECT", 501, method="CONNECT")
        for method in ("G(T", "G\xe9T", "@"):
            yield self.case("0.12", f"method {method!r}", 400, method=method)

    def field_lines(self):
        good = request_of(ECHO, self.host)
        end = len(good) - 2

        def with_line(line):
            return good[:end] + line + good[end:]

        for title, line in (
            ("a field of no value", b"X:\r\n"), ("blanks around a value", b"X: \t a \t \r\n"),
            ("a value of bytes above ASCII", b"X: \xe9\xff\r\n"),
            ("a name of all signs", b"!#$%&'*+-.^_`|~09azAZ: x\r\n"),
            ("a value of 4000 bytes", b"X: " + b"x" * 4000 + b"\r\n"),
            ("Content-Length: 0", b"Content-Length: 0\r\n"), ("60 fields more", b"X: y\r\n" * 60),
            ("a field twice", b"Cookie: a=b\r\n" * 2),
        ):
            yield self.raw("0.13", title, 101, with_line(line))
        for title, change in (("small letters", bytes.lower), ("capitals", bytes.upper)):
            sent = re.sub(rb"(?m)^[\w-]+:", lambda name: change(name[0]), good)
            yield self.raw("0.13", f"names in {title}", 101, sent)
        yield self.raw("0.13", "no blanks behind colons", 101, good.replace(b": ", b":"))
        yield self.raw("0.13", "an empty line before it", 101, b"\r\n" + good)
        for title, line in (
            ("a folded line", b"X: a\r\n b\r\n"), ("a folded line, by a tab", b"X: a\r\n\tb\r\n"),
            ("a blank before the colon", b"X : a\r\n"),
            ("no colon", b"X\r\n"), ("no name", b": a\r\n"), ("a name with a blank", b"X Y: a\r\n"),
            ("a name above ASCII", b"X\xe9: a\r\n"),
            ("a zero byte", b"X: a\0b\r\n"), ("a control byte", b"X: a\x01b\r\n"), ("DEL", b"X: a\x7fb\r\n"),
            ("a bare line feed", b"X: a\nY: b\r\n"), ("a bare carriage return", b"X: a\rb\r\n"),
            ("a body", b"Content-Length: 5\r\n"), ("a body in chunks", b"Transfer-Encoding: chunked\r\n"),
            ("a length that is none", b"Content-Length: +0\r\n"),
            ("two lengths", b"Content-Length: 0\r\nContent-Length: 0\r\n"),
            ("an encoding and a length", b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"),
        ):
            yield self.raw("0.14", title, 400, with_line(line))
        yield self.raw("0.14", "lines that end with a line feed alone", 400, good.replace(b"\r\n", b"\n"))
        yield self.raw("0.14", "too many fields", 431, with_line(b"X: y\r\n" * 200))
        yield self.raw("0.14", "a head too large", 431, with_line(b"X: " + b"y" * 40000 + b"\r\n"))
        yield self.case("0.14", "a request line too long", 414, path=ECHO + "?" + "x" * 9000)

    def frames_behind(self):
        texts = [b"early %d" % i for i in range(500)]
        for title, behind, come in (
            ("a message", frame(TEXT, b"early"), [(TEXT, b"early")]),
            ("a ping", frame(PING, b"early"), [(PONG, b"early")]),
            (
                "half a frame, and the rest",
                frame(TEXT, b"early")[:3] + frame(TEXT, b"early")[3:],
                [(TEXT, b"early")],
            ),
            ("a close frame", close(3000), [closed(3000)]),
            (
                "a message and a close frame",
                frame(TEXT, b"early") + frame(CLOSE),
                [(TEXT, b"early"), (CLOSE, b"")],
            ),
            ("500 messages", b"".join(frame(TEXT, t) for t in texts), [(TEXT, t) for t in texts]),
            ("60,000 bytes", frame(TEXT, b"x" * 60_000), [(TEXT, b"x" * 60_000)]),
            ("500,000 bytes", frame(TEXT, b"x" * 500_000), [(TEXT, b"x" * 500_000)]),
            ("a fault", frame(3), [fault()]),
            ("no mask", frame(TEXT, b"early", mask=None), [fault()]),
            ("text that is no UTF-8", frame(TEXT, b"\xff"), [fault(1007)]),
            ("HTTP", request_of(ECHO, self.host), [fault()]),
        ):
            yield self.case("0.15", f"{title} at once behind it", 101, behind=behind, come=come)

    def all_cases(self):
        for group in (
            self.whole, self.tokens, self.versions, self.keys, self.lists, self.hosts, self.targets,
            self.request_lines,
            self.field_lines, self.frames_behind,
        ):
            yield from group()
