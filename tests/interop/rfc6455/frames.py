"""rfc6455/frames: frames, control frames, reserved bits, opcodes and fragments (sections 5.2 to 5.5).
"""

from rfc6455.case import ALL, COARSE, Case, close, closed, fault, fragments, some, split
from rfc6455.peer import BINARY, CLOSE, CONTINUATION, NAMES, PING, PONG, TEXT, frame, header


# -- 1: frames -----------------------------------------------------------------------------------


SIZES = [0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 124, 125, 126, 127, 128, 255, 256, 65534, 65535, 65536, 65537]


def sizes():
    for opcode in (TEXT, BINARY):
        for size in SIZES:
            data = some(size, opcode)
            feeds = ALL if size < 300 else ("whole", "pieces", "thousands")
            yield Case(
                "1.1", f"{NAMES[opcode]} of {size} bytes", frame(opcode, data), [(opcode, data)], feeds=feeds
            )


def masks():
    data = some(40)
    for mask in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\1", b"\x80\0\0\0"):
        yield Case("1.2", f"the mask {mask.hex()}", frame(BINARY, data, mask=mask), [(BINARY, data)])
    for opcode in NAMES:
        for size in (0, 1, 125, 126, 65536):
            if opcode < CLOSE or size < 126:
                how = "whole" if size > 125 else "bytes"
                sent = frame(opcode, b"x" * size, mask=None)
                yield Case(
                    "1.3", f"no mask, {NAMES[opcode]} of {size}", sent, [fault()], feeds=("whole", how)
                )
    yield Case(
        "1.3",
        "no mask, behind frames with one",
        frame(TEXT, b"one") + frame(PING, b"two") + frame(TEXT, b"three", mask=None) + frame(TEXT, b"four"),
        [(TEXT, b"one"), (PONG, b"two"), fault()],
    )
    yield Case(
        "1.3",
        "no mask, in the middle of a message",
        frame(TEXT, b"one", fin=False) + frame(CONTINUATION, b"two", mask=None),
        [fault()],
    )


def lengths():
    for opcode in (TEXT, BINARY):
        for length in (0, 1, 125, 126, 65535):
            for width in (2, 8):
                if length >= 126 and width == 2:
                    continue
                data = b"x" * length
                sent = frame(opcode, data, width=width)
                title = f"{NAMES[opcode]} of {length} bytes whose length is in {width}"
                yield Case("1.4", title, sent, [fault()], feeds=COARSE)
    huge = {1 << 63: 1002, (1 << 64) - 1: 1002, (1 << 63) - 1: 1009, 1 << 62: 1009, 1 << 32: 1009}
    for length, code in huge.items():
        yield Case("1.5", f"a length of {length:#x}", header(BINARY, length) + b"xxxx", [fault(code)])
        yield Case(
            "1.5",
            f"a fragment with a length of {length:#x}",
            frame(BINARY, b"abc", fin=False) + header(CONTINUATION, length) + b"xxxx",
            [fault(code)],
        )


def many():
    texts = [b"message %d" % i for i in range(1000)]
    yield Case("1.6", "1000 messages", b"".join(frame(TEXT, t) for t in texts), [(TEXT, t) for t in texts])
    yield Case(
        "1.6",
        "1000 messages and a close frame",
        b"".join(frame(TEXT, t) for t in texts) + close(1001),
        [(TEXT, t) for t in texts] + [closed(1001)],
        feeds=COARSE,
    )
    yield Case(
        "1.6",
        "1000 messages and a fault",
        b"".join(frame(TEXT, t) for t in texts) + frame(3),
        [(TEXT, t) for t in texts] + [fault()],
        feeds=COARSE,
    )
    yield Case("1.6", "1000 messages of no bytes", frame(BINARY) * 1000, [(BINARY, b"")] * 1000)
    mixed = [(TEXT, b"a"), (BINARY, b"\xff"), (TEXT, b""), (BINARY, some(200)), (TEXT, "é".encode() * 99)]
    yield Case("1.6", "text and binary in turn", b"".join(frame(*one) for one in mixed), mixed)


# -- 2: pings and pongs --------------------------------------------------------------------------


def pings():
    for size in (0, 1, 4, 5, 124, 125):
        yield Case("2.1", f"a ping of {size} bytes", frame(PING, some(size)), [(PONG, some(size))])
    yield Case(
        "2.1", "a ping of bytes that are no text", frame(PING, b"\0\xff\xfe\xfd"), [(PONG, b"\0\xff\xfe\xfd")]
    )
    for opcode in (PING, PONG, CLOSE):
        for size in (126, 127, 65535, 65536):
            payload = b"\3\xe8" + b"x" * (size - 2) if opcode == CLOSE else b"x" * size
            sent = frame(opcode, payload)
            yield Case("2.2", f"a {NAMES[opcode]} of {size} bytes", sent, [fault()], feeds=COARSE)
        start = bytes((0x80 | opcode, 0xFE))
        yield Case("2.2", f"two bytes of a {NAMES[opcode]} that is too long", start, [fault()])
        for width in (2, 8):
            sent = frame(opcode, b"", width=width)
            yield Case("2.2", f"a {NAMES[opcode]} whose length is in {width} bytes", sent, [fault()])
    yield Case("2.3", "a pong that nobody asked for", frame(PONG, b"hello"), [])
    yield Case("2.3", "an empty pong", frame(PONG), [])
    yield Case("2.3", "a pong, then a ping", frame(PONG, b"one") + frame(PING, b"two"), [(PONG, b"two")])
    sent = frame(TEXT, b"a") + frame(PONG, b"b") + frame(TEXT, b"c")
    yield Case("2.3", "a pong between messages", sent, [(TEXT, b"a"), (TEXT, b"c")])
    ten = [b"ping %d" % i for i in range(10)]
    yield Case("2.4", "ten pings", b"".join(frame(PING, p) for p in ten), [(PONG, p) for p in ten])
    yield Case(
        "2.4", "a thousand pings", b"".join(frame(PING, p) for p in ten * 100), [(PONG, p) for p in ten * 100]
    )
    yield Case(
        "2.4",
        "pings and messages in turn",
        b"".join(frame(PING, p) + frame(TEXT, p) for p in ten),
        [one for p in ten for one in ((PONG, p), (TEXT, p))],
    )
    yield Case("2.5", "a ping, then a close frame", frame(PING, b"x") + close(), [(PONG, b"x"), closed()])
    yield Case("2.5", "a ping, then a fault", frame(PING, b"x") + frame(11), [(PONG, b"x"), fault()])


# -- 3: reserved bits, 4: opcodes ------------------------------------------------------------------


def reserved_bits():
    for rsv in range(1, 8):
        for opcode in NAMES:
            payload = b"\3\xe8" if opcode == CLOSE else b"hello"
            yield Case("3.1", f"bits {rsv} in a {NAMES[opcode]}", frame(opcode, payload, rsv=rsv), [fault()])
        sent = frame(TEXT, b"one") + frame(TEXT, b"two", rsv=rsv) + frame(PING)
        yield Case("3.2", f"bits {rsv}, behind a message", sent, [(TEXT, b"one"), fault()])
        sent = frame(TEXT, b"one", fin=False) + frame(CONTINUATION, b"two", rsv=rsv)
        yield Case("3.3", f"bits {rsv} in the second fragment", sent, [fault()])
        yield Case(
            "3.4", f"bits {rsv} in a header without its payload", header(BINARY, 1000, rsv=rsv), [fault()]
        )


def opcodes():
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        yield Case("4.1", f"opcode {opcode}", frame(opcode), [fault()])
        yield Case("4.1", f"opcode {opcode} with a payload", frame(opcode, b"hello"), [fault()])
        yield Case("4.1", f"opcode {opcode}, its first byte", bytes((0x80 | opcode,)), [fault()])
        yield Case("4.1", f"opcode {opcode} in fragments", frame(opcode, b"x", fin=False), [fault()])
        sent = frame(TEXT, b"one") + frame(opcode, b"two") + frame(PING)
        yield Case("4.2", f"opcode {opcode}, behind a message", sent, [(TEXT, b"one"), fault()])
        sent = frame(TEXT, b"one", fin=False) + frame(opcode, b"two") + frame(CONTINUATION, b"three")
        yield Case("4.2", f"opcode {opcode} in the middle of a message", sent, [fault()])


# -- 5: fragments ----------------------------------------------------------------------------------


def control_in_fragments():
    for opcode in (PING, PONG, CLOSE):
        payload = b"\3\xe8" if opcode == CLOSE else b"one"
        sent = frame(opcode, payload, fin=False) + frame(CONTINUATION, b"two")
        yield Case("5.1", f"a {NAMES[opcode]} in fragments", sent, [fault()])
        yield Case("5.1", f"the first byte of a {NAMES[opcode]} in fragments", bytes((opcode,)), [fault()])


def whole_fragments():
    for opcode in (TEXT, BINARY):
        for parts in (
            [b"one", b"two"],
            [b"one", b""],
            [b"", b"one"],
            [b"", b""],
            [b"", b"", b"x", b"", b""],
            [b"a", b"b", b"c", b"d", b"e"],
            split(some(1000, opcode), 100),
            split(some(300, opcode), 1),
        ):
            data = b"".join(parts)
            title = f"{NAMES[opcode]} of {len(data)} bytes in {len(parts)} fragments"
            yield Case("5.2", title, fragments(opcode, parts), [(opcode, data)])
            for control, answer in ((PING, [(PONG, b"ping")]), (PONG, [])):
                sent = fragments(opcode, parts, frame(control, b"ping"))
                come = answer * (len(parts) - 1) + [(opcode, data)]
                yield Case("5.3", f"{title} with {NAMES[control]}s between", sent, come)
            sent = fragments(opcode, parts) + frame(TEXT, b"!")
            yield Case("5.4", f"{title}, and a message", sent, [(opcode, data), (TEXT, b"!")])
    pieces = fragments(TEXT, [b"a", b"b"]) + fragments(BINARY, [b"c", b"d", b"e"]) + frame(TEXT, b"f")
    yield Case("5.4", "three messages", pieces, [(TEXT, b"ab"), (BINARY, b"cde"), (TEXT, b"f")])
    sent = frame(TEXT, b"a", fin=False) + frame(PING, b"1") * 3 + frame(CONTINUATION, b"b", fin=False)
    sent += frame(PING, b"2") * 3 + frame(CONTINUATION, b"c")
    yield Case(
        "5.3", "several pings between", sent, [(PONG, b"1")] * 3 + [(PONG, b"2")] * 3 + [(TEXT, b"abc")]
    )
    sent = frame(BINARY, b"a", fin=False) + frame(PING, b"answer me")
    yield Case(
        "5.3",
        "a ping is answered before the message is whole",
        sent + close(),
        [(PONG, b"answer me"), closed()],
    )


def fragments_out_of_order():
    for fin in (True, False):
        what = "the last fragment" if fin else "a fragment"
        for payload in (b"", b"hello"):
            lone = frame(CONTINUATION, payload, fin=fin)
            yield Case("5.5", f"{what} of no message ({len(payload)})", lone + frame(TEXT, b"x"), [fault()])
            sent = frame(TEXT, b"one") + lone + frame(TEXT, b"x")
            yield Case(
                "5.5", f"{what} behind a whole message ({len(payload)})", sent, [(TEXT, b"one"), fault()]
            )
            sent = fragments(TEXT, [b"one", b"two"]) + lone + frame(TEXT, b"x")
            yield Case(
                "5.5", f"{what} behind the last one ({len(payload)})", sent, [(TEXT, b"onetwo"), fault()]
            )
            sent = frame(PING, b"p") + lone
            yield Case("5.5", f"{what} behind a ping ({len(payload)})", sent, [(PONG, b"p"), fault()])
        for first in (TEXT, BINARY):
            for second in (TEXT, BINARY):
                sent = frame(first, b"one", fin=False) + frame(second, b"two", fin=fin)
                sent += frame(CONTINUATION, b"three")
                title = f"a {NAMES[second]} in the middle of a {NAMES[first]} ({fin})"
                yield Case("5.6", title, sent, [fault()])
        sent = frame(TEXT, b"", fin=False) + frame(PING) + frame(TEXT, b"", fin=fin)
        yield Case(
            "5.6", f"an empty message in the middle of an empty one ({fin})", sent, [(PONG, b""), fault()]
        )


def all_cases():
    for group in (
        sizes, masks, lengths, many, pings, reserved_bits, opcodes, control_in_fragments, whole_fragments,
        fragments_out_of_order,
    ):
        yield from group()
