"""rfc7692/faults: compressed messages that have to be refused, with the code that says why, and at once.

Which streams are malformed, and which are another message than the one that was meant, says the
reader of rfc7692/deflate.
"""

import random
import zlib

from rfc6455.case import ALONE, COARSE, LONG, PACKED, TIGHT, USUAL, WHOLE, close, closed, fault
from rfc6455.peer import BINARY, CLOSE, CONTINUATION, MASK, NAMES, PING, PONG, TEXT, frame, header, masked
from rfc6455.utf8 import INVALID, UNFINISHED, is_utf8, read
from rfc7692 import payloads
from rfc7692.codec import RSV1, TAIL, Packer
from rfc7692.deflate import END, FIXED, Bits, Malformed, inflate
from rfc7692.messages import AGAIN, HELLO, LONGER, SHORT, case, each_path, packed, parts_of
from rfc7692.terms import NAME, Terms

BROKEN = fault(1007)  # what can't be inflated is no message: RFC 6455, section 7.4.1
LIMIT, FRAGMENTS = 1000, 4  # of TIGHT
ROOM = LIMIT + LIMIT // 8 + 1024  # what a message of the limit may be compressed
MIB = 1 << 20


# -- 16.1: reserved bits -----------------------------------------------------------------------------


def reserved_bits():
    """RSV1 stands in a message's first frame and nowhere else; RSV2 and RSV3 mean nothing at all."""
    good = packed(TEXT, HELLO)
    for rsv in range(1, 8):
        for opcode in NAMES:
            if rsv == RSV1 and opcode in (TEXT, BINARY):
                continue
            payload = b"\3\xe8" if opcode == CLOSE else HELLO
            bad = frame(opcode, payload, rsv=rsv)
            title = f"bits {rsv} in a {NAMES[opcode]}"
            if opcode != CONTINUATION:
                yield case("16.1", title, bad, [fault()])
                yield case("16.1", f"{title}, behind a message", good + bad, [(TEXT, b"Hello"), fault()])
                yield case("16.1", f"{title}, its header", bad[:6], [fault()])
            for begin in (frame(TEXT, b"x", fin=False), packed(TEXT, HELLO[:3], fin=False)):
                what = "compressed" if begin[0] & 0x40 else "plain"
                for fin in (True, False):
                    if opcode > CONTINUATION and not fin:
                        continue
                    sent = begin + frame(opcode, payload, rsv=rsv, fin=fin) + frame(PING)
                    yield case("16.1", f"{title}, in a {what} message ({fin})", sent, [fault()])
    sent = packed(TEXT, HELLO[:3], fin=False) + packed(CONTINUATION, HELLO[3:5], fin=False)
    yield case("16.1", "RSV1 in each fragment", sent + packed(CONTINUATION, HELLO[5:]), [fault()])
    sent = packed(TEXT, HELLO[:3], fin=False) + packed(TEXT, HELLO)
    yield case("16.1", "a compressed message in a compressed one", sent, [fault()])
    sent = frame(TEXT, b"x", fin=False) + packed(BINARY, HELLO)
    yield case("16.1", "a compressed message in a plain one", sent, [fault()])
    sent = packed(TEXT, HELLO[:3], fin=False) + frame(BINARY, b"x")
    yield case("16.1", "a plain message in a compressed one", sent, [fault()])


# -- 16.2: streams that are none ------------------------------------------------------------------------


def malformed():
    far = Bits().block(FIXED).literals(b"abc").match(3, 4).symbol(END)
    farther = Bits().block(FIXED).literals(b"a").match(3, 32768).symbol(END)
    for title, payload in (
        ("a block that is none", Bits().block(3).message()),
        ("a block that is none, behind one", Bits().fixed(b"ab").block(3).message()),
        ("a length that its check denies", Bits().stored(b"abc", check=0xFFFF).message()),
        ("a distance into nothing", far.message()),
        ("a distance of 32768 into nothing", farther.message()),
        ("a repetition of nothing", Bits().block(FIXED).match(3, 1).symbol(END).message()),
        ("length 286", Bits().block(FIXED).literals(b"ab").symbol(286).code(0, 5).symbol(END).message()),
        ("length 287", Bits().block(FIXED).literals(b"ab").symbol(287).code(0, 5).symbol(END).message()),
        ("distance 30", Bits().block(FIXED).literals(b"ab").symbol(257).code(30, 5).symbol(END).message()),
        ("distance 31", Bits().block(FIXED).literals(b"ab").symbol(257).code(31, 5).symbol(END).message()),
        ("too many codes", Bits().block(2).put(0, 14).put(0o1111, 12).pad().message()),
        ("no codes", Bits().block(2).put(0, 14).put(0, 12).pad().message() + bytes(20)),
        ("287 lengths", Bits().block(2).put(30, 5).put(0, 9).pad().message() + bytes(20)),
        ("31 distances", Bits().block(2).put(0, 5).put(30, 5).put(0, 4).pad().message() + bytes(20)),
        ("all bits", b"\xff" * 20),
        ("a header of zlib", zlib.compress(b"hello hello hello")),
        ("a header of gzip", zlib.compress(b"hello hello hello", wbits=31)),
        ("text", b"hello hello"),
        ("an end that was not cut off, and more of it", HELLO + TAIL[1:] + b"\1\2"),
    ):
        assert fate(payload, BINARY) == BROKEN, title
        for opcode in (TEXT, BINARY):
            sent = packed(opcode, payload) + frame(PING)
            yield from each_path("16.2", f"{NAMES[opcode]}: {title}", sent, [BROKEN])
        sent = packed(BINARY, HELLO) + packed(BINARY, payload) + packed(BINARY, HELLO)
        yield case("16.2", f"{title}, behind a message", sent, [(BINARY, b"Hello"), BROKEN], ALONE)
    sent = packed(TEXT, HELLO) + packed(TEXT, AGAIN)
    yield case("16.2", "a window that is not kept", sent, [(TEXT, b"Hello"), BROKEN], ALONE)
    offer = f"{NAME}; client_no_context_takeover"
    yield case("16.2", "a window that the client gave up", sent, [(TEXT, b"Hello"), BROKEN], offer=offer)
    sent = frame(TEXT, b"Hello") + packed(TEXT, AGAIN)
    yield case("16.2", "what came plain is in no window", sent, [(TEXT, b"Hello"), BROKEN])


def fate(payload, opcode):
    """What has to come for it."""
    try:
        data = inflate(payload)
    except Malformed:
        return BROKEN
    return (opcode, data) if opcode == BINARY or is_utf8(data) else fault(1007)


def damaged():
    """Bits that changed on their way, an end that is missing, and what was never a stream."""
    whole = [SHORT, LONGER[:600], b"hello " * 30, payloads.noise(100)]
    streams = [Packer(Terms(), level).part(data) for data in whole for level in (1, 9)]
    streams += [Packer(Terms(), 0).part(SHORT)]
    streams += [Bits().stored(b"a" * 300).fixed(b"b" * 20).stored(b"c").message()]
    chance = random.Random(16)
    for number, stream in enumerate(streams):
        for _ in range(60):
            payload = bytearray(stream)
            payload[chance.randrange(len(stream))] ^= 1 << chance.randrange(8)
            if not has_final_block(bytes(payload)):
                yield damaged_case("16.3", f"stream {number}, a bit changed", bytes(payload))
        for cut in {*range(1, min(len(stream), 40)), *(chance.randrange(1, len(stream)) for _ in range(40))}:
            if not has_final_block(stream[:cut]):
                yield damaged_case("16.4", f"stream {number}, cut at {cut}", stream[:cut])
    for size in range(1, 40):
        for _ in range(8):
            payload = chance.randbytes(size)
            if not has_final_block(payload):
                yield damaged_case("16.5", f"{payload.hex()}", payload)
    yield damaged_case("16.4", "half a stored block", Bits().stored(bytes(500)).bytes()[:100])
    yield damaged_case("16.4", "a stored block less its last byte", Bits().stored(bytes(500)).bytes()[:-1])
    yield damaged_case("16.4", "a stored block less the four bytes", Bits().stored(bytes(500)).bytes()[:-4])


def has_final_block(payload):
    """What comes behind one is looked at by rfc7692/messages."""
    stream = zlib.decompressobj(-15)
    try:
        stream.decompress(payload + TAIL)
    except zlib.error:
        return False
    return stream.eof


def damaged_case(group, title, payload):
    come = fate(payload, BINARY)
    return case(group, title, packed(BINARY, payload), [come], feeds=WHOLE)


# -- 16.6: text that is no UTF-8 -------------------------------------------------------------------------


def no_text():
    for title, data in INVALID.items():
        text = "κόσμε".encode() + data + b"edited"
        bad, _ = read(text)
        for path in (PACKED, ALONE):
            yield case("16.6", f"{title}, at {path}", sender(TEXT, [text]), [fault(1007)], path, COARSE)
        come = [(PONG, b"so far"), fault(1007)]
        # Each fragment can be inflated when it is there, and the message is not finished.
        parts = [text[:bad], text[bad : bad + 1], b"x"]
        yield case("16.6", f"{title}, at once", sender(TEXT, parts, 2), come, feeds=COARSE)
        parts = [text[:bad], text[bad:], b"x"]
        yield case("16.6", f"{title}, with the rest", sender(TEXT, parts, 2), come, feeds=WHOLE)
        yield case("16.6", f"{title}, as binary", sender(BINARY, [text]), [(BINARY, text)], feeds=WHOLE)
        stream = Packer(Terms(), 9).part(text + LONGER)
        sent = header(TEXT, len(stream) + 9, rsv=RSV1) + masked(stream, MASK)
        yield case("16.6", f"{title}, in a frame that is not finished", sent, [fault(1007)], feeds=LONG)
    for title, data in UNFINISHED.items():
        yield case("16.7", title, sender(TEXT, [b"ab" + data]), [fault(1007)], feeds=COARSE)
        come = [(PONG, b"so far"), (PONG, b"so far"), fault(1007)]
        yield case("16.7", f"{title}, at the end of fragments", sender(TEXT, [b"a", data, b""]), come)
        sent = sender(TEXT, [b"a", data, b"\xff"])
        yield case("16.7", f"{title}, and what it can't be", sent, come)
    for size in (100, 1000, 40_000):
        for at in (0, size // 2, size - 1):
            text = bytearray(b"x" * size)
            text[at] = 0x80
            yield from each_path(
                "16.7", f"{size} bytes, {at} is wrong", sender(TEXT, [bytes(text)]), [fault(1007)], feeds=LONG
            )


def sender(opcode, parts, count=None):
    """Fragments, each compressed by itself, with pings between. `count`: only so many of them."""

    def send(packer):
        sent = b""
        for i, part in enumerate(parts[:count]):
            last = i == len(parts) - 1
            sent += frame(PING, b"so far") if i else b""
            payload = packer.part(part, last)
            sent += frame(CONTINUATION if i else opcode, payload, fin=last, rsv=0 if i else RSV1)
        return sent

    return send


# -- 16.8: limits ------------------------------------------------------------------------------------------


def limits():
    """The limit of a message holds for what it is when it is inflated, and of fragments as ever."""
    kinds = {"zeros": bytes(LIMIT + 1), "words": LONGER[: LIMIT + 1], "noise": payloads.noise(LIMIT + 1)}
    for kind, more in kinds.items():
        full = more[:LIMIT]
        come = [(BINARY, full)]
        yield case("16.8", f"{kind} of the limit", sender(BINARY, [full]), come, TIGHT)
        yield case("16.8", f"{kind} of one more", sender(BINARY, [more]), [fault(1009)], TIGHT)
        for cut in (1, 500, LIMIT - 1, LIMIT):
            pong = [(PONG, b"so far")]
            sent, title = sender(BINARY, [full[:cut], full[cut:]]), f"in fragments cut at {cut}"
            yield case("16.8", f"{kind} of the limit, {title}", sent, pong + come, TIGHT)
            sent = sender(BINARY, [more[:cut], more[cut:]])
            yield case("16.8", f"{kind} of one more, {title}", sent, pong + [fault(1009)], TIGHT)
        sent = sender(BINARY, [more[:500], more[500:], b""], 2)
        title = f"{kind} of one more, in fragments that are not finished"
        yield case("16.8", title, sent, [(PONG, b"so far"), fault(1009)], TIGHT)
        yield case("16.8", f"{kind} of the limit, many times", lambda packer, full=full: b"".join(
            packer.message(BINARY, full) for _ in range(20)), come * 20, TIGHT, COARSE)
    sent = frame(BINARY, bytes(LIMIT + 1))
    yield case("16.8", "plain, of one more", sent, [fault(1009)], TIGHT)
    for parts in (FRAGMENTS, FRAGMENTS + 1):
        pieces = [SHORT[i::parts] for i in range(parts)]
        come = [(PONG, b"so far")] * 3 + ([(TEXT, b"".join(pieces))] if parts == FRAGMENTS else [])
        if parts > FRAGMENTS:
            come = [(PONG, b"so far")] * FRAGMENTS + [fault(1008)]
        yield case("16.8", f"{parts} fragments", sender(TEXT, pieces), come, TIGHT)


# -- 16.9: bombs -------------------------------------------------------------------------------------------


def bombs():
    """What becomes a thousand times as large is cut at the limit, which is 64 MiB in 16.11."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = bytes(MIB)
    bomb = b"".join(stream.compress(zeros) for _ in range(256)) + stream.flush(zlib.Z_SYNC_FLUSH)
    bomb = bomb[:-4]
    for group, path in (("16.9", TIGHT), ("16.9", USUAL), ("16.11", ALONE)):
        for opcode in (TEXT, BINARY):
            title = f"{NAMES[opcode]} of {len(bomb)} bytes that become 256 MiB, at {path}"
            yield case(group, title, [packed(opcode, bomb)], [fault(1009)], path, LONG, size=MIB)
        sent = parts_of(BINARY, [bomb[:1000], bomb[1000:], b"\0"])
        title = f"the same in fragments, at {path}"
        yield case(group, title, [sent], [fault(1009)], path, WHOLE, size=MIB)
    early = packed(BINARY, bomb)[: 14 + 3000]
    yield case("16.9", "its first 3000 bytes, at once", early, [fault(1009)], USUAL, LONG)
    small = zlib.compressobj(9, zlib.DEFLATED, -15)
    small = (small.compress(zeros) + small.flush(zlib.Z_SYNC_FLUSH))[:-4]
    assert len(small) < ROOM
    for opcode in (TEXT, BINARY):
        title = f"{NAMES[opcode]} of {len(small)} bytes that become 1 MiB"
        yield case("16.9", title, packed(opcode, small), [fault(1009)], TIGHT)
    for size, path in ((ROOM, TIGHT), (ROOM + 1, TIGHT), (500_000, ALONE)):
        sent, come = packed(BINARY, nothing_of(size)), [fault(1009)] if size == ROOM + 1 else [(BINARY, b"")]
        yield case("16.9", f"{size} bytes that become none, at {path}", sent, come, path, LONG)
    sent = header(BINARY, ROOM + 1, rsv=RSV1)
    yield case("16.9", f"the header of {ROOM + 1} bytes", sent, [fault(1009)], TIGHT)


def nothing_of(size):
    """Blocks of nothing: five bytes each, or six."""
    longer = (size - 1) % 5
    bits = Bits()
    for i in range((size - 1 - longer) // 5):
        bits = bits.fixed().stored() if i < longer else bits
    return bits.bytes() + Bits().stored().bytes() * ((size - 1 - longer) // 5 - longer) + b"\0"


# -- 16.10: closing ----------------------------------------------------------------------------------------


def closing():
    sent = packed(TEXT, HELLO) + close()
    yield case("16.10", "a close frame behind a message", sent, [(TEXT, b"Hello"), closed()])
    for behind in (packed(TEXT, HELLO), packed(TEXT, b"\xff"), packed(CONTINUATION, b"")):
        yield case("16.10", "what is compressed behind a close frame", close() + behind, [closed()])
        yield case("16.10", "what is compressed behind a fault", frame(3) + behind, [fault()])
    sent = packed(TEXT, HELLO[:3], fin=False) + close(3000) + frame(CONTINUATION, HELLO[3:])
    yield case("16.10", "a close frame in a compressed message", sent, [closed(3000)])


def all_cases():
    for group in (reserved_bits, malformed, damaged, no_text, limits, bombs, closing):
        yield from group()
