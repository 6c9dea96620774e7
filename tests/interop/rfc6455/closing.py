"""rfc6455/closing: close frames, what comes behind them, and who ends the connection (sections 5.5.1 and 7).
"""

from rfc6455.case import CLOSES, COARSE, ECHO, LONG, WHOLE, Case, Closed, Heard, Shut, Silence
from rfc6455.case import close, closed, fault, fragments, some
from rfc6455.peer import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame


# -- 7: closing ----------------------------------------------------------------------------------

ALLOWED = [
    1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3001, 3999, 4000, 4001, 4999
]
REFUSED = [
    0, 1, 255, 256, 500, 999, 1004, 1005, 1006, 1015, 1016, 1017, 1099, 1100, 1999, 2000, 2001, 2998, 2999
]
REFUSED += [5000, 5001, 9999, 32768, 65534, 65535]


def closing():
    yield Case("7.1", "a close frame", close(), [closed()])
    yield Case("7.1", "a close frame without a code", frame(CLOSE), [(CLOSE, b"")])
    yield Case("7.1", "a message, then a close frame", frame(TEXT, b"x") + close(), [(TEXT, b"x"), closed()])
    for what, behind in (
        ("a message", frame(TEXT, b"late")),
        ("a ping", frame(PING, b"late")),
        ("a pong", frame(PONG, b"late")),
        ("a close frame", close(1001)),
        ("a fault", frame(3)),
        ("a fragment", frame(TEXT, b"late", fin=False)),
        ("half a frame", frame(TEXT, b"late")[:5]),
        ("text that is no UTF-8", frame(TEXT, b"\xff")),
        ("bytes that are no frames", b"\0" * 1000),
        ("a message, a ping, a close frame", frame(TEXT, b"late") + frame(PING, b"late") + close(1001)),
    ):
        yield Case("7.2", f"{what} behind a close frame", close() + behind, [closed()])
        yield Case("7.2", f"{what} behind an empty one", frame(CLOSE) + behind, [(CLOSE, b"")])
        yield Case("7.2", f"{what} behind a fault", frame(3) + behind, [fault()])
        sent = [close(), Heard(1), behind]
        yield Case("7.3", f"{what} after the server's close frame", sent, [closed()], feeds=WHOLE)
        sent = [frame(3), Heard(1), behind]
        yield Case("7.3", f"{what} after the server's close frame for a fault", sent, [fault()], feeds=WHOLE)
    for size in (65536, 256 * 1024, 900 * 1024):
        data = some(size)
        sent = frame(BINARY, data) + close() + frame(PING, b"late")
        yield Case("7.4", f"{size} bytes, close, ping", sent, [(BINARY, data), closed()], feeds=LONG)
        sent = close() + frame(BINARY, data)
        yield Case("7.4", f"close, {size} bytes", sent, [closed()], feeds=LONG)
        sent = frame(3) + frame(BINARY, data)
        yield Case("7.4", f"a fault, {size} bytes", sent, [fault()], feeds=LONG)
    sent = frame(TEXT, b"one", fin=False) + close() + frame(CONTINUATION, b"two")
    yield Case("7.5", "close in the middle of a message", sent, [closed()])
    sent = frame(TEXT, b"one", fin=False) + frame(CONTINUATION, b"two", fin=False) + frame(CLOSE)
    yield Case("7.5", "an empty close in the middle of a message", sent, [(CLOSE, b"")])
    yield Case(
        "7.5", "close behind half a character", frame(TEXT, b"\xe8\xbf", fin=False) + close(), [closed()]
    )


def close_frames():
    for code in ALLOWED:
        yield Case("7.6", f"code {code}", close(code), [closed(code)])
        yield Case("7.6", f"code {code} with a reason", close(code, "再见 😀".encode()), [closed(code)])
    for code in REFUSED:
        yield Case("7.7", f"code {code}", close(code), [fault()])
        yield Case("7.7", f"code {code} with a reason", close(code, b"bye"), [fault()])
    for size in range(124):
        yield Case("7.8", f"a reason of {size} bytes", close(1000, b"x" * size), [closed()], feeds=COARSE)
    for size in (120, 123):
        reason = some(size, TEXT)
        yield Case("7.8", f"a reason of {size} bytes, not all ASCII", close(1000, reason), [closed()])
    for size in (124, 125, 200):
        yield Case("7.8", f"a reason of {size} bytes", close(1000, b"x" * size), [fault()])
    for byte in (b"\0", b"\x03", b"\x0c", b"\x10", b"\xe8", b"\xff"):  # 0c00 and 1000 would be allowed
        yield Case("7.9", f"half a code, {byte.hex()}", frame(CLOSE, byte), [fault()])
    yield Case(
        "7.9",
        "half a code behind a message",
        frame(TEXT, b"x") + frame(CLOSE, b"\x03"),
        [(TEXT, b"x"), fault()],
    )


def server_closes():
    """A consumer that closes: the end comes when its close frame was answered, and not before."""
    bad = frame(TEXT, b"7")  # no line of the chat
    for title, behind in (
        ("the same code", close(1003)),
        ("another code", close(1000)),
        ("no code", frame(CLOSE)),
        ("a reason", close(1003, b"as you like")),
    ):
        yield Case(
            "7.10",
            f"answered with {title}",
            [bad, Heard(1), Silence(), behind],
            [Closed(1003)],
            CLOSES,
            WHOLE,
        )
    for title, behind in (
        ("a message", bad),
        ("a ping", frame(PING, b"x")),
        ("a message that is not finished", frame(TEXT, b"x", fin=False)),
        ("a message with a ping in it", fragments(TEXT, [b"x", b"y"], frame(PING))),
    ):
        sent = [bad + behind, Heard(1), close(1003)]
        yield Case(
            "7.10", f"{title} before the answer is heard, and dropped", sent, [Closed(1003)], CLOSES, WHOLE
        )
    for title, behind in (
        ("a fault", frame(3)),
        ("no mask", frame(TEXT, b"x", mask=None)),
        ("half a code", frame(CLOSE, b"\x03")),
        ("a code that is none", close(1005)),
        ("text that is no UTF-8", frame(TEXT, b"\xff")),
    ):
        yield Case(
            "7.10",
            f"answered with {title}: no second close frame",
            [bad, Heard(1), behind],
            [Closed(1003)],
            CLOSES,
            WHOLE,
        )
    yield Case(
        "7.10", "not answered: it ends by itself", [bad, Heard(1), Silence()], [Closed(1003)], CLOSES, WHOLE
    )


def client_ends():
    """The client's side ends; what it sent before is answered, and the server's side ends too."""
    texts = [b"message %d" % i for i in range(1000)]
    sent, come = b"".join(frame(TEXT, text) for text in texts), [(TEXT, text) for text in texts]
    yield Case("7.13", "behind a close frame", [close(), Shut()], [closed()], ECHO)
    yield Case(
        "7.13", "behind messages and a close frame", [sent + close(), Shut()], come + [closed()], ECHO, COARSE
    )
    yield Case(
        "7.13", "behind a fault", [frame(TEXT, b"x") + frame(3), Shut()], [(TEXT, b"x"), fault()], ECHO
    )
    yield Case("7.14", "at once", [Shut()], [], ECHO, WHOLE)
    yield Case("7.14", "behind messages", [sent, Shut()], come, ECHO, COARSE)
    yield Case("7.14", "in a header", [frame(TEXT, b"x") + b"\x81", Shut()], [(TEXT, b"x")], ECHO)
    yield Case("7.14", "in a message", [frame(TEXT, b"x", fin=False), Shut()], [], ECHO)


def all_cases():
    for group in (closing, close_frames, server_closes, client_ends):
        yield from group()
