"""rfc6455/utf8: text has to be UTF-8, and what is not fails at its first wrong byte (RFC 3629).

Which byte that is comes from the grammar of RFC 3629, section 4, written here a second time: what
the server must not take, no prefix of it that could still become UTF-8 may be refused for.
"""

from rfc6455.case import COARSE, FINE, LONG, WHOLE, Case, close, closed, fault, fragments, split
from rfc6455.peer import BINARY, CONTINUATION, PING, PONG, TEXT, frame, header

# First byte: the range of the second one, and how many follow in all.
LEADS = {byte: (0x80, 0xBF, 1) for byte in range(0xC2, 0xE0)}
LEADS |= {byte: (0x80, 0xBF, 2) for byte in range(0xE1, 0xF0)}
LEADS |= {byte: (0x80, 0xBF, 3) for byte in range(0xF1, 0xF4)}
LEADS |= {0xE0: (0xA0, 0xBF, 2), 0xED: (0x80, 0x9F, 2), 0xF0: (0x90, 0xBF, 3), 0xF4: (0x80, 0x8F, 3)}


def read(data):
    """Where the first wrong byte is, or None; and whether the last character is whole."""
    left, low, high = 0, 0x80, 0xBF
    for at, byte in enumerate(data):
        if left:
            if not low <= byte <= high:
                return at, False
            left, low, high = left - 1, 0x80, 0xBF
        elif byte in LEADS:
            low, high, left = LEADS[byte]
        elif byte > 0x7F:
            return at, False
    return None, left == 0


def is_utf8(data):
    return read(data) == (None, True)


EDGES = [
    0, 0x7F, 0x80, 0x7FF, 0x800, 0xFFF, 0x1000, 0xD7FF, 0xE000, 0xFFFD, 0x10000, 0x3FFFF, 0x40000, 0xFFFFF
]
EDGES += [0x100000, 0x10FFFF]
NO_CHARACTERS = [plane << 16 | last for plane in range(17) for last in (0xFFFE, 0xFFFF)]
NO_CHARACTERS += range(0xFDD0, 0xFDF0)
SURROGATES = (0xD800, 0xDB7F, 0xDB80, 0xDBFF, 0xDC00, 0xDF80, 0xDFFF)
NO_BEGINNINGS = (0xC0, 0xC1, *range(0xF5, 0x100))
CUT_SHORT = (b"\xc2", b"\xdf", b"\xe0", b"\xe0\xa0", b"\xed\x9f", b"\xef\xbf")
CUT_SHORT += (b"\xf0", b"\xf0\x90", b"\xf0\x90\x80", b"\xf4\x8f\xbf")

VALID = {
    "greek": "κόσμε".encode(),
    "german": "Hello-µ@ßöäüàá-UTF-8!!".encode(),
    "chinese": "运维咖啡吧".encode(),
    "emoji": "😀👍🏽🇩🇪👩‍👩‍👧".encode(),
    "a byte order mark": b"\xef\xbb\xbfx",
    "all control bytes": bytes(range(32)) + b"\x7f",
    "combining marks": "e\u0301\u0327".encode(),
    "private use": "\ue000\uf8ff\U000f0000\U0010fffd".encode(),
}

INVALID = {
    # A continuation byte that continues nothing.
    **{f"lone {byte:02x}": bytes((byte,)) for byte in (0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF)},
    **{f"{count} continuation bytes": (b"\x80\xbf" * 4)[:count] for count in range(2, 8)},
    "all continuation bytes": bytes(range(0x80, 0xC0)),
    # A beginning that nothing continues, or the next one.
    **{f"{byte:02x} and a blank": bytes((byte, 0x20)) for byte in (0xC2, 0xDF, 0xE0, 0xED, 0xEF, 0xF0, 0xF4)},
    **{f"{byte:02x}, never a beginning": bytes((byte, 0x20)) for byte in NO_BEGINNINGS},
    "beginnings of two": b" ".join(bytes((byte,)) for byte in range(0xC0, 0xE0)),
    "beginnings of three": b" ".join(bytes((byte,)) for byte in range(0xE0, 0xF0)),
    "beginnings of four": b" ".join(bytes((byte,)) for byte in range(0xF0, 0xF8)),
    # The last byte is missing, and another character comes.
    "two without the last": b"\xc2A",
    "three without the last": b"\xe0\xa0A",
    "three without the last, again": b"\xef\xbfA",
    "four without the last": b"\xf0\x90\x80A",
    "four without the last, again": b"\xf4\x8f\xbfA",
    "a beginning behind a beginning": b"\xe8\xbf\xe8\xbf\x90",
    # Longer than it has to be.
    "overlong slash in two": b"\xc0\xaf",
    "overlong slash in three": b"\xe0\x80\xaf",
    "overlong slash in four": b"\xf0\x80\x80\xaf",
    "overlong slash in five": b"\xf8\x80\x80\x80\xaf",
    "overlong slash in six": b"\xfc\x80\x80\x80\x80\xaf",
    "longest overlong in two": b"\xc1\xbf",
    "longest overlong in three": b"\xe0\x9f\xbf",
    "longest overlong in four": b"\xf0\x8f\xbf\xbf",
    "longest overlong in five": b"\xf8\x87\xbf\xbf\xbf",
    "longest overlong in six": b"\xfc\x83\xbf\xbf\xbf\xbf",
    "overlong zero in two": b"\xc0\x80",
    "overlong zero in three": b"\xe0\x80\x80",
    "overlong zero in four": b"\xf0\x80\x80\x80",
    "overlong zero in five": b"\xf8\x80\x80\x80\x80",
    "overlong zero in six": b"\xfc\x80\x80\x80\x80\x80",
    # Halves of UTF-16.
    **{f"surrogate {half:04x}": chr(half).encode("utf-8", "surrogatepass") for half in SURROGATES},
    "a pair of surrogates": "\ud800\udc00".encode("utf-8", "surrogatepass"),
    "the last pair of surrogates": "\udbff\udfff".encode("utf-8", "surrogatepass"),
    # Beyond the last character.
    "110000": b"\xf4\x90\x80\x80",
    "13ffff": b"\xf4\xbf\xbf\xbf",
    "140000": b"\xf5\x80\x80\x80",
    "1fffff": b"\xf7\xbf\xbf\xbf",
    "200000, in five": b"\xf8\x88\x80\x80\x80",
    "3ffffff, in five": b"\xfb\xbf\xbf\xbf\xbf",
    "4000000, in six": b"\xfc\x84\x80\x80\x80\x80",
    "7fffffff, in six": b"\xfd\xbf\xbf\xbf\xbf\xbf",
    "fe": b"\xfe",
    "ff": b"\xff",
    "fe fe ff ff": b"\xfe\xfe\xff\xff",
}

UNFINISHED = {f"{data.hex()} and no more": data for data in CUT_SHORT}


def two_fragments(data, cut):
    """Cut there, with a ping between: its answer shows that the first part was taken."""
    return fragments(TEXT, [data[:cut], data[cut:]], frame(PING, b"so far"))


def valid():
    for point in EDGES + NO_CHARACTERS:
        data = chr(point).encode()
        yield Case("6.1", f"U+{point:04X}", frame(TEXT, data), [(TEXT, data)])
    for title, data in VALID.items():
        yield Case("6.2", title, frame(TEXT, data), [(TEXT, data)])
        yield Case("6.2", f"{title}, a byte a fragment", fragments(TEXT, split(data, 1)), [(TEXT, data)])
        for cut in range(len(data) + 1):
            come = [(PONG, b"so far"), (TEXT, data)]
            yield Case("6.3", f"{title}, cut at {cut}", two_fragments(data, cut), come, feeds=WHOLE)
    for size in range(1, 70):  # a character at any place of a block that is looked at as a whole
        data = b"x" * size + "é运😀".encode() + b"x" * (70 - size)
        yield Case(
            "6.4", f"{size} bytes of ASCII before others", frame(TEXT, data), [(TEXT, data)], feeds=COARSE
        )
    for title, data in {**INVALID, **UNFINISHED}.items():
        yield Case("6.5", f"as binary: {title}", frame(BINARY, data), [(BINARY, data)], feeds=WHOLE)
        sent = fragments(BINARY, split(data, 1))
        yield Case("6.5", f"as binary, in fragments: {title}", sent, [(BINARY, data)], feeds=WHOLE)


def invalid():
    for title, data in INVALID.items():
        for before, after in ((b"", b""), ("κόσμε".encode(), b"edited")):
            text = before + data + after
            where = f"{title}{' within' if before else ''}"
            bad, _ = read(text)
            yield Case("6.6", where, frame(TEXT, text) + frame(PING), [fault(1007)])
            for cut in range(len(text) + 1):
                if not before or cut in (bad, bad + 1):
                    come = [(PONG, b"so far")] * (cut <= bad) + [fault(1007)]
                    yield Case("6.7", f"{where}, cut at {cut}", two_fragments(text, cut), come, feeds=WHOLE)
            yield from at_once(where, text, bad)
    for size in (1, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 1000, 65535, 65536):
        for at in {0, size // 2, size - 1}:
            text = bytearray(b"x" * size)
            text[at] = 0x80
            yield Case(
                "6.9", f"{size} bytes, {at} is wrong", frame(TEXT, bytes(text)), [fault(1007)], feeds=LONG
            )


def at_once(where, text, bad):
    """The wrong byte has come, and neither its frame nor its message is whole."""
    early = header(TEXT, len(text) + 10) + frame(TEXT, text)[6 : 6 + bad + 1]
    yield Case("6.8", f"{where}, in a frame that is not finished", early, [fault(1007)], feeds=FINE)
    early = header(TEXT, len(text) + 100_000) + frame(TEXT, text)[6 : 6 + bad + 1]
    yield Case(
        "6.8", f"{where}, in a long frame that is not finished", early, [fault(1007)], feeds=("bytes",)
    )
    sent = frame(TEXT, text[:bad], fin=False) + frame(PING, b"so far")
    sent += frame(CONTINUATION, text[bad : bad + 1], fin=False)
    yield Case("6.8", f"{where}, in a message that is not finished", sent, [(PONG, b"so far"), fault(1007)])


def unfinished():
    for title, data in UNFINISHED.items():
        yield Case("6.10", title, frame(TEXT, data), [fault(1007)])
        yield Case("6.10", f"{title}, behind others", frame(TEXT, b"abc" + data), [fault(1007)])
        sent = frame(TEXT, data, fin=False) + frame(PING, b"so far") + frame(CONTINUATION, b"")
        yield Case("6.10", f"{title}, at the end of fragments", sent, [(PONG, b"so far"), fault(1007)])
        sent = frame(TEXT, b"ok") + frame(TEXT, data) + frame(TEXT, b"\x80")
        yield Case(
            "6.10", f"{title}, and the rest in a message of its own", sent, [(TEXT, b"ok"), fault(1007)]
        )


def each_beginning():
    """All first bytes with second ones from all ranges: fail now, go on, or be whole."""
    for lead in range(0x80, 0x100):
        for second in (0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF):
            text = bytes((lead, second))
            sent = frame(TEXT, text, fin=False) + frame(PING, b"so far") + frame(CONTINUATION, b"")
            if read(text)[0] is not None:
                come = [fault(1007)]
            elif is_utf8(text):
                come = [(PONG, b"so far"), (TEXT, text)]
            else:
                come = [(PONG, b"so far"), fault(1007)]
            yield Case("6.11", text.hex(), sent, come, feeds=WHOLE)


def reasons():
    for title, data in VALID.items():
        yield Case("7.11", f"a reason: {title}", close(1000, data), [closed()])
    for title, data in {**INVALID, **UNFINISHED}.items():
        for reason in (data[:123], (b"bye " + data)[:123]):
            sent = close(1000, reason)
            yield Case("7.12", f"a reason that is no UTF-8: {title}", sent, [fault(1007)], feeds=FINE)


def all_cases():
    for group in (valid, invalid, unfinished, each_beginning, reasons):
        yield from group()
