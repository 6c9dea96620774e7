"""interop/autobahn: the case list of the Autobahn test suite's fuzzing client, number by number.

Sections 1 to 7, 9, 10, 12 and 13, with the same bytes and the same cuts; the outcome is the one
that is called strict there, and for its three informational cases the one that RFC 6455 leaves.
Each number that is counted here must have been run (`missing`). Where messages go there and back, they do
so a second time compressed.
"""

import dataclasses
import functools
import itertools

from rfc6455.case import ALL, ALONE, ECHO, LARGE, LONG, PACKED, WHOLE, Case, Heard, Silence, Turns
from rfc6455.case import close, closed, fault, fragments, split
from rfc6455.peer import BINARY, CLOSE, CONTINUATION, NAMES, PING, PONG, TEXT, frame, header
from rfc6455.utf8 import is_utf8
from rfc7692 import payloads
from rfc7692.terms import NAME

COUNTS = {  # how many cases there are
    "1.1": 8, "1.2": 8, "2": 11, "3": 7, "4.1": 5, "4.2": 5, "5": 20, "6.1": 3, "6.2": 4, "6.3": 2, "6.4": 4,
    "6.5": 5, "6.6": 11, "6.7": 4, "6.8": 2, "6.9": 4, "6.10": 3, "6.11": 5, "6.12": 8, "6.13": 5, "6.14": 10,
    "6.15": 1, "6.16": 3, "6.17": 5, "6.18": 5, "6.19": 5, "6.20": 7, "6.21": 8, "6.22": 34, "6.23": 7,
    "7.1": 6, "7.3": 6, "7.5": 1, "7.7": 13, "7.9": 9, "7.13": 2,
    "9.1": 6, "9.2": 6, "9.3": 9, "9.4": 9, "9.5": 6, "9.6": 6, "9.7": 6, "9.8": 6, "10.1": 1,
    **{f"12.{i}": 18 for i in range(1, 6)}, **{f"13.{i}": 18 for i in range(1, 8)},
}
assert sum(COUNTS.values()) == 517

KIB, MIB = 1 << 10, 1 << 20
HELLO = b"Hello, world!"
BYTES = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"
GREEK = "κ\u1f79σμε".encode()  # with an oxia: eleven bytes
PLAIN_ONLY = {"3.4", "6.4.3", "6.4.4"}  # RSV1 means something else there; frames that are cut in steps


# -- 1 to 5: frames -------------------------------------------------------------------------------


def sizes():
    for group, opcode, byte in (("1.1", TEXT, b"*"), ("1.2", BINARY, b"\xfe")):
        for i, size in enumerate((0, 125, 126, 127, 128, 65535, 65536, 65536), 1):
            data = byte * size
            feeds = (997,) if i == 8 else ALL if size < 999 else LONG
            title = f"{NAMES[opcode]} of {size} bytes"
            yield f"{group}.{i}", title, frame(opcode, data), [(opcode, data)], feeds


def pings():
    for i, payload in ((1, b""), (2, HELLO), (3, BYTES), (4, b"\xfe" * 125)):
        yield f"2.{i}", f"a ping of {len(payload)} bytes", frame(PING, payload), [(PONG, payload)]
    yield "2.5", "a ping of 126 bytes", frame(PING, b"\xfe" * 126), [fault()]
    yield "2.6", "a ping, byte by byte", frame(PING, b"\xfe" * 125), [(PONG, b"\xfe" * 125)], ("bytes",)
    unasked = frame(PONG, b"unsolicited pong payload")
    yield "2.7", "an empty pong, then close", frame(PONG) + close(), [closed()]
    yield "2.8", "a pong, then close", unasked + close(), [closed()]
    yield "2.9", "a pong, then a ping", unasked + frame(PING, b"ping payload"), [(PONG, b"ping payload")]
    ten = [b"payload-%d" % i for i in range(10)]
    sent, come = b"".join(frame(PING, one) for one in ten), [(PONG, one) for one in ten]
    yield "2.10", "ten pings", sent, come, ("whole", "pieces")
    yield "2.11", "ten pings, byte by byte", sent, come, ("bytes",)


def behind(bad):
    """A good message, the bad frame, a ping that must not be answered."""
    return [frame(TEXT, HELLO), bad, frame(PING)], [(TEXT, HELLO), fault()]


def reserved_bits():
    yield "3.1", "bits 1", frame(TEXT, HELLO, rsv=1), [fault()]
    for i in (2, 3, 4):
        yield f"3.{i}", f"bits {i}, behind a message", *behind(frame(TEXT, HELLO, rsv=i))
    yield "3.5", "bits 5 in a binary", frame(BINARY, BYTES, rsv=5), [fault()]
    yield "3.6", "bits 6 in a binary, as it is sent", frame(BINARY, HELLO, rsv=6), [fault()]
    yield "3.6", "bits 6 in a ping, as it is described", frame(PING, HELLO, rsv=6), [fault()]
    yield "3.7", "bits 7 in a close frame", frame(CLOSE, rsv=7), [fault()]


def opcodes():
    for group, first in (("4.1", 3), ("4.2", 11)):
        yield f"{group}.1", f"opcode {first}", frame(first), [fault()]
        payload = b"reserved opcode payload"
        yield f"{group}.2", f"opcode {first + 1} with a payload", frame(first + 1, payload), [fault()]
        for i, payload in ((3, b""), (4, HELLO), (5, HELLO)):
            opcode = first + i - 1
            yield f"{group}.{i}", f"opcode {opcode}, behind a message", *behind(frame(opcode, payload))


def in_fragments():
    one, two = b"fragment1", b"fragment2"
    for i, opcode in ((1, PING), (2, PONG)):
        sent = frame(opcode, one, fin=False) + frame(CONTINUATION, two)
        yield f"5.{i}", f"a {NAMES[opcode]} in fragments", sent, [fault()]
    come = [(TEXT, one + two)]
    first, last, ping = frame(TEXT, one, fin=False), frame(CONTINUATION, two), frame(PING, b"ping payload")
    yield "5.3", "two fragments", first + last, come, ("whole", "pieces")
    yield "5.4", "two fragments, frame by frame", [first, last], come, WHOLE
    yield "5.5", "two fragments, byte by byte", first + last, come, ("bytes",)
    come = [(PONG, b"ping payload")] + come
    yield "5.6", "a ping between", first + ping + last, come, ("whole", "pieces")
    yield "5.7", "a ping between, frame by frame", [first, ping, last], come, WHOLE
    yield "5.8", "a ping between, byte by byte", first + ping + last, come, ("bytes",)
    for number, fin in ((9, True), (12, False)):
        lone, text = frame(CONTINUATION, b"non-continuation payload", fin=fin), frame(TEXT, HELLO)
        title = f"a fragment of no message ({fin})"
        yield f"5.{number}", title, lone + text, [fault()], ("whole", "pieces")
        yield f"5.{number + 1}", f"{title}, frame by frame", [lone, text], [fault()], WHOLE
        yield f"5.{number + 2}", f"{title}, byte by byte", lone + text, [fault()], ("bytes",)
    sent = first + last + frame(CONTINUATION, b"fragment3", fin=False) + frame(TEXT, b"fragment4")
    yield "5.15", "a fragment behind the last one", sent, [(TEXT, one + two), fault()]
    for number, fin in ((16, False), (17, True)):
        sent = frame(CONTINUATION, one, fin=fin) + fragments(TEXT, [two, b"fragment3"])
        yield f"5.{number}", f"a fragment of no message, then two, twice ({fin})", sent * 2, [fault()]
    yield "5.18", "two first fragments", first + frame(TEXT, two), [fault()]
    five = [b"fragment%d" % i for i in range(1, 6)]
    frames = [frame(CONTINUATION if i else TEXT, part, fin=i == 4) for i, part in enumerate(five)]
    pings = [b"pongme 1!", b"pongme 2!"]
    begin, middle = [*frames[:2], frame(PING, pings[0])], [*frames[2:4], frame(PING, pings[1]), frames[4]]
    come = [(PONG, one) for one in pings] + [(TEXT, b"".join(five))]
    sent = [b"".join(begin), Heard(1), Silence(), b"".join(middle)]
    yield "5.19", "five fragments, two pings, a pause", sent, come
    yield "5.20", "the same, frame by frame", [*begin, Heard(1), Silence(), *middle], come


# -- 6: UTF-8 ---------------------------------------------------------------------------------------


def text_frames():
    yield "6.1.1", "an empty text", frame(TEXT), [(TEXT, b"")]
    yield "6.1.2", "three empty fragments", fragments(TEXT, [b"", b"", b""]), [(TEXT, b"")]
    middle = b"middle frame payload"
    yield "6.1.3", "empty fragments around one", fragments(TEXT, [b"", middle, b""]), [(TEXT, middle)]
    text, cut = "Hello-µ@ßöäüàá-UTF-8!!".encode(), len("Hello-µ@ßöä".encode())
    yield "6.2.1", "text", frame(TEXT, text), [(TEXT, text)]
    yield "6.2.2", "cut between characters", fragments(TEXT, [text[:cut], text[cut:]]), [(TEXT, text)]
    for i, text in ((3, text), (4, GREEK)):
        yield f"6.2.{i}", "a byte a fragment", fragments(TEXT, split(text, 1)), [(TEXT, text)]
    text = GREEK + b"\xed\xa0\x80edited"
    yield "6.3.1", "no UTF-8 in the middle", frame(TEXT, text), [fault(1007)]
    yield "6.3.2", "the same, a byte a fragment", fragments(TEXT, split(text, 1)), [fault(1007)]
    text = GREEK + b"\xf4\x90\x80\x80edited"
    for i, first, second in ((1, 11, 15), (2, 12, 13)):
        sent = [frame(TEXT, text[:first], fin=False), Silence()]
        sent += [frame(CONTINUATION, text[first:second], fin=False)]
        yield f"6.4.{i}", f"at once, in a fragment: byte {first} to {second}", sent, [fault(1007)]
        begin = header(TEXT, len(text), mask=b"\0\0\0\0")
        sent = [begin + text[:first], Silence(), text[first:second]]
        yield f"6.4.{i + 2}", f"at once, in a frame: byte {first} to {second}", sent, [fault(1007)]


def encoded(point):
    """In as many bytes as the scheme had before it was held to four, surrogates too."""
    for count, top in ((1, 0x7F), (2, 0x7FF), (3, 0xFFFF), (4, 0x1FFFFF), (5, 0x3FFFFFF), (6, 0x7FFFFFFF)):
        if point <= top:
            return overlong(point, count)
    raise ValueError(point)


def overlong(point, count):
    if count == 1:
        return bytes((point,))
    rest = bytes(0x80 | point >> 6 * i & 0x3F for i in reversed(range(count - 1)))
    return bytes(((0xFF00 >> count) & 0xFF | point >> 6 * (count - 1),)) + rest


def sequences():
    """Markus Kuhn's stress test for UTF-8 decoders, and more."""
    points = (0x24, 0xA2, 0x20AC, 0x24B62)
    yield 5, [b"hello" + chr(point).encode() + b"world" for point in points] + [GREEK]
    yield 6, [GREEK[:i] for i in range(1, len(GREEK) + 1)]
    yield 7, [encoded(point) for point in (0, 0x80, 0x800, 0x10000)]
    yield 8, [encoded(point) for point in (0x200000, 0x4000000)]
    yield 9, [encoded(point) for point in (0x7F, 0x7FF, 0xFFFF, 0x10FFFF)]
    yield 10, [encoded(point) for point in (0x1FFFFF, 0x3FFFFFF, 0x7FFFFFFF)]
    yield 11, [encoded(point) for point in (0xD7FF, 0xE000, 0xFFFD, 0x10FFFF, 0x110000)]
    yield 12, [b"\x80", b"\xbf", *((b"\x80\xbf" * 3)[:i] for i in range(2, 7)), bytes(range(0x80, 0xBF))]
    leads = ((0xC0, 0xDF), (0xE0, 0xEF), (0xF0, 0xF7), (0xF8, 0xFB), (0xFC, 0xFD))
    yield 13, [b"".join(bytes((byte, 0x20)) for byte in range(*pair)) for pair in leads]
    short = [overlong(0, count)[:-1] for count in range(2, 7)]
    short += [encoded(point)[:-1] for point in (0x7FF, 0xFFFF, 0x1FFFFF, 0x3FFFFFF, 0x7FFFFFFF)]
    yield 14, short
    yield 15, [b"".join(short)]
    yield 16, [b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"]
    yield 17, [overlong(ord("/"), count) for count in range(2, 7)]
    tops = (0x7F, 0x7FF, 0xFFFF, 0x1FFFFF, 0x3FFFFFF)
    yield 18, [overlong(top, count) for count, top in enumerate(tops, 2)]
    yield 19, [overlong(0, count) for count in range(2, 7)]
    yield 20, [encoded(half) for half in (0xD800, 0xDB7F, 0xDB80, 0xDBFF, 0xDC00, 0xDF80, 0xDFFF)]
    highs, lows = (0xD800, 0xDB7F, 0xDB80, 0xDBFF), (0xDC00, 0xDFFF)
    yield 21, [encoded(high) + encoded(low) for high in highs for low in lows]
    yield 22, [encoded(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF)]
    yield 23, [encoded(point) for point in range(0xFFF9, 0x10000)]


def text_by_sequence():
    for group, texts in sequences():
        for i, text in enumerate(texts, 1):
            come = [(TEXT, text)] if is_utf8(text) else [fault(1007)]
            yield f"6.{group}.{i}", text[:20].hex(), frame(TEXT, text), come


# -- 7: closing -------------------------------------------------------------------------------------


def closing():
    message = frame(TEXT, b"Hello World!")
    yield "7.1.1", "a message, then close", message + close(), [(TEXT, b"Hello World!"), closed()]
    yield "7.1.2", "two close frames", close() + frame(CLOSE), [closed()]
    yield "7.1.3", "a ping behind close", close() + frame(PING), [closed()]
    yield "7.1.4", "a message behind close", close() + message, [closed()]
    sent = frame(TEXT, b"fragment1", fin=False) + close() + frame(CONTINUATION, b"fragment2")
    yield "7.1.5", "close between fragments", sent, [closed()]
    data = repeated(b"BAsd7&jh23", 256 * KIB)
    sent = frame(TEXT, data) + message + close() + frame(PING)
    come = [(TEXT, data), (TEXT, b"Hello World!"), closed()]
    yield "7.1.6", "256 KiB, a message, close, a ping", sent, come, LONG
    yield "7.3.1", "an empty close frame", frame(CLOSE), [(CLOSE, b"")]
    yield "7.3.2", "a close frame of a byte", frame(CLOSE, b"a"), [fault()]
    yield "7.3.3", "a code", close(), [closed()]
    yield "7.3.4", "a reason", close(1000, b"Hello World!"), [closed()]
    yield "7.3.5", "a reason of 123 bytes", close(1000, b"*" * 123), [closed()]
    yield "7.3.6", "a reason of 124 bytes", close(1000, b"*" * 124), [fault()]
    yield "7.5.1", "a reason that is no UTF-8", close(1000, GREEK + b"\xed\xa0\x80edited"), [fault(1007)]
    allowed = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
    for i, code in enumerate(allowed, 1):
        yield f"7.7.{i}", f"code {code}", close(code), [closed(code)]
    for i, code in enumerate((0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999), 1):
        yield f"7.9.{i}", f"code {code}", close(code), [fault()]
    for i, code in enumerate((5000, 65535), 1):
        yield f"7.13.{i}", f"code {code}", close(code), [fault()]


# -- 9, 10: large messages, and many ---------------------------------------------------------------


def repeated(pattern, size):
    return (pattern * (size // len(pattern) + 1))[:size]


def large():
    kinds = ((1, TEXT, b"BAsd7&jh23"), (2, BINARY, b"\x00\xfe\x23\xfa\xf0"))
    for group, opcode, pattern in kinds:
        for i, size in enumerate((64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB), 1):
            feeds = LONG if size <= 4 * MIB else ("whole", 16001)
            yield large_case(f"9.{group}.{i}", opcode, repeated(pattern, size), feeds)
    for group, opcode, first in ((3, TEXT, b"*"), (4, BINARY, b"\xfe")):
        for i, part in enumerate((64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB), 1):
            data = repeated(first if i == 1 else b"*", 4 * MIB)
            yield large_case(f"9.{group}.{i}", opcode, data, ("whole", 16001), part)
    for group, opcode, pattern in kinds:
        for i, chop in enumerate((64, 128, 256, 512, 1024, 2048), 1):
            yield large_case(f"9.{group + 4}.{i}", opcode, repeated(pattern, MIB), (chop,))
    yield large_case("10.1.1", TEXT, b"*" * 65536, LONG, 1300)


def large_case(number, opcode, data, feeds, part=0):
    title = f"{NAMES[opcode]} of {len(data)} bytes" + (f" in fragments of {part}" if part else "")

    def sent(packer=None):
        parts = split(data, part) if part else [data]
        return [packer.fragments(opcode, parts) if packer else fragments(opcode, parts)]

    return Case(f"A.{number}", title, sent, [(opcode, data)], LARGE, feeds, size=len(data), stands_for=number)


def many():
    for group, opcode, byte in ((7, TEXT, b"*"), (8, BINARY, b"\xfe")):
        for i, size in enumerate((0, 16, 64, 256, 1024, 4096), 1):
            number, title = f"9.{group}.{i}", f"1000 times {NAMES[opcode]} of {size} bytes"
            messages = functools.partial(itertools.repeat, byte * size)
            yield Turns(f"A.{number}", title, opcode, 1000, size, messages, LARGE, stands_for=number)


# -- 12, 13: compressed -----------------------------------------------------------------------------

SIZES = [(1 << power, 0) for power in (4, 6, 8, 10, 12, 13, 14, 15, 16, 17)]
SIZES += [(1 << power, 256) for power in range(13, 18)] + [(1 << 17, part) for part in (1024, 4096, 32768)]
OFFERS = [f"{NAME}; client_no_context_takeover; client_max_window_bits"]
ASKED = ("server_no_context_takeover", "server_max_window_bits=9", "server_max_window_bits=15")
OFFERS += [f"{OFFERS[0]}; {asked}" for asked in ASKED]
OFFERS += [f"{OFFERS[1]}; {asked}" for asked in ASKED[1:]]
OFFERS += [f"{OFFERS[4]}, {OFFERS[1]}, {OFFERS[0]}"]


def compressed():
    kinds = [(f"12.{i}", kind, OFFERS[0]) for i, kind in enumerate(payloads.KINDS, 1)]
    kinds += [(f"13.{i}", "json", offer) for i, offer in enumerate(OFFERS, 1)]
    for group, kind, offer in kinds:
        for i, (size, part) in enumerate(SIZES, 1):
            number, packed = f"{group}.{i}", True if kind == "json" and size > 255 else None
            messages = functools.partial(payloads.messages, kind, size)
            for path, feeds in ((PACKED, WHOLE), (ALONE, ("pieces" if size < 999 else "thousands",))):
                title = f"{kind}, {size} bytes in fragments of {part}, {offer}, at {path}"
                yield Turns(
                    f"A.{number}", title, payloads.opcode_of(kind), 1000, size, messages, path, feeds,
                    fragment=part, offer=offer, packed=packed, stands_for=number,
                )


# -- All of them ------------------------------------------------------------------------------------


def twin(case):
    """The same, where compression was agreed on: what is data goes compressed, and so it comes."""
    sent = case.sent
    if not callable(sent):
        def sent(packer):
            if isinstance(case.sent, bytes):
                return packer.translate(case.sent)
            return [packer.translate(step) if isinstance(step, bytes) else step for step in case.sent]

    return dataclasses.replace(case, title=f"{case.title}, compressed", sent=sent, path=PACKED, offer=NAME)


def all_cases():
    small = (sizes, pings, reserved_bits, opcodes, in_fragments, text_frames, text_by_sequence, closing)
    cases = []
    for group in small:
        for number, title, sent, come, *feeds in group():
            cases.append(Case(f"A.{number}", title, sent, come, ECHO, *feeds, stands_for=number))
    for case in cases + list(large()):
        yield case
        if case.stands_for not in PLAIN_ONLY:
            yield twin(case)
    yield from many()
    yield from compressed()


def numbers(plain):
    """All of them. `plain`: but for those of compression."""
    groups = [group for group in COUNTS if not plain or group.split(".")[0] not in ("12", "13")]
    return [f"{group}.{i}" for group in groups for i in range(1, COUNTS[group] + 1)]


def missing(numbers, ran):
    """Those that no case stands for which has run. `ran`: cases."""
    stand = {case.stands_for for case in ran if case.stands_for}
    return [number for number in numbers if number not in stand] + [f"{one}?" for one in stand - {*numbers}]
