"""rfc7692/messages: compressed messages that have to be taken, and how they come back (sections 6 and 7.2).
"""

import functools
import random
import zlib

from rfc6455.case import ALL, ALONE, COARSE, LONG, NARROW, PACKED, USUAL, WHOLE, Case, Turns
from rfc6455.case import close, closed, fragments, some, split
from rfc6455.peer import BINARY, CONTINUATION, NAMES, PING, PONG, TEXT, frame
from rfc7692 import payloads
from rfc7692.codec import RSV1, Packer
from rfc7692.deflate import DYNAMIC, END, FIXED, Bits, inflate
from rfc7692.terms import NAME, Terms

MIB = 1 << 20
HELLO = bytes.fromhex("f248cdc9c90700")
AGAIN = bytes.fromhex("f200110000")  # HELLO once more, out of the window
SHORT, LONGER = (next(payloads.messages("json", size, 1)) for size in (300, 3000))


def packed(opcode, payload, **how):
    return frame(opcode, payload, rsv=RSV1, **how)


def parts_of(opcode, parts, between=b""):
    """A message whose compressed bytes are those parts, a fragment each."""
    last = len(parts) - 1
    frames = (
        frame(CONTINUATION if i else opcode, part, fin=i == last, rsv=0 if i else RSV1)
        for i, part in enumerate(parts)
    )
    return between.join(frames)


def case(group, title, sent, come, path=PACKED, feeds=ALL, offer=NAME, **how):
    return Case(group, title, sent, come, path, feeds, offer=offer, **how)


def each_path(group, title, sent, come, paths=(PACKED, ALONE, NARROW), **how):
    for path in paths:
        yield case(group, f"{title}, at {path}", sent, come, path, **how)


# -- 15.1: as the RFC has them ------------------------------------------------------------------------


def examples():
    hello = [(TEXT, b"Hello")]
    for title, sent in (
        ("7.2.3.1: one block", bytes.fromhex("c107f248cdc9c90700")),
        ("7.2.3.1: in two fragments", bytes.fromhex("4103f248cd8004c9c90700")),
        ("7.2.3.3: a block that is not compressed", bytes.fromhex("c10b000500faff48656c6c6f00")),
        ("7.2.3.4: a final block", bytes.fromhex("c108f348cdc9c9070000")),
        ("7.2.3.5: two blocks", bytes.fromhex("c10df248050000 00ffffcac9c90700")),
    ):
        yield from each_path("15.1", title, under_mask(sent), hello, exact=True)
    sent = packed(TEXT, HELLO) + packed(TEXT, AGAIN)
    yield from each_path("15.1", "7.2.3.2: out of the window", sent, hello * 2, (PACKED, NARROW))
    yield from each_path("15.1", "7.2.3.2: with no window", packed(TEXT, HELLO) * 2, hello * 2)
    yield from each_path("15.1", "7.2.3.6: an empty message", packed(TEXT, b"\0"), [(TEXT, b"")])


def under_mask(sent):
    """The frames of the examples, which have none."""
    out, at = b"", 0
    while at < len(sent):
        first, size = sent[at], sent[at + 1]
        out += frame(first & 0xF, sent[at + 2 : at + 2 + size], fin=bool(first & 0x80), rsv=first >> 4 & 7)
        at += 2 + size
    return out


def nothing():
    """Messages of no bytes, in all ways that they can be written."""
    for title, payload in (
        ("a fixed block", Bits().fixed().message()),
        ("fixed blocks", Bits().fixed().fixed().fixed().message()),
        ("a stored block", Bits().stored().message()),
        ("a final one", Bits().fixed(final=True).pad().message()),
        ("a final stored one", Bits().stored(final=True).message()),
        ("a thousand blocks", (b"\0\0\0\xff\xff" * 1000) + b"\0"),
    ):
        assert inflate(payload) == b""
        for opcode in (TEXT, BINARY):
            feeds = ALL if len(payload) < 1000 else LONG
            sent, come = packed(opcode, payload) * 2, [(opcode, b"")] * 2
            yield case("15.2", f"{NAMES[opcode]}: {title}", sent, come, feeds=feeds)
    # No payload at all is what zlib makes of nothing: it is understood, though the block is missing.
    for parts in ([b""], [b"", b""], [b"", b"\0"], [b"\0", b""], [b"", b"", b"\0", b""], [b"\2", b"\0"]):
        sent = parts_of(TEXT, parts, frame(PING, b"x"))
        come = [(PONG, b"x")] * (len(parts) - 1) + [(TEXT, b"")]
        yield case("15.2", f"in {len(parts)} fragments", sent, come)
    sent = packed(TEXT, HELLO) + packed(TEXT, b"\0") + packed(TEXT, AGAIN)
    yield case("15.2", "it leaves the window", sent, [(TEXT, b"Hello"), (TEXT, b""), (TEXT, b"Hello")])


# -- 15.3: sizes, and kinds of data ------------------------------------------------------------------

SIZES = (1, 2, 3, 4, 15, 16, 17, 124, 125, 126, 127, 128, 255, 256, 257, 1000, 4096, 32767, 32768, 32769)
SIZES += (65535, 65536, 65537, 131072)


def twice(opcode, data):
    return lambda packer: packer.message(opcode, data) + packer.message(opcode, data)


def sizes():
    for opcode in (TEXT, BINARY):
        for size in SIZES:
            data = some(size, opcode)
            for path in (PACKED, ALONE, NARROW):
                feeds = ALL if size < 300 else ("whole", "pieces", "thousands")
                yield case(
                    "15.3", f"{NAMES[opcode]} of {size} bytes, twice, at {path}",
                    twice(opcode, data),
                    [(opcode, data)] * 2, path, feeds,
                    packed=True if size > 999 else None,
                )
    for seed, size in enumerate((1, 2, 5, 100, 1000, 16383, 20000, 65535, 70000, 250000)):
        data = payloads.noise(size, seed)
        for path in (PACKED, ALONE, NARROW):
            title = f"noise of {size} bytes, twice, at {path}"
            yield case("15.3", title, twice(BINARY, data), [(BINARY, data)] * 2, path, LONG)


# -- 15.4: blocks of every kind ------------------------------------------------------------------------


def by_zlib():
    data = LONGER
    for level in range(10):
        for strategy in range(5):
            for memory in (1, 9):
                stream = zlib.compressobj(level, zlib.DEFLATED, -15, memory, strategy)
                payload = (stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]
                title = f"level {level}, strategy {strategy}, memory {memory}"
                yield case("15.4", title, packed(TEXT, payload), [(TEXT, data)], feeds=LONG)
    for flush in (zlib.Z_PARTIAL_FLUSH, zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH):
        for size in (1, 7, 100):
            stream = zlib.compressobj(6, zlib.DEFLATED, -15)
            payload = b"".join(stream.compress(part) + stream.flush(flush) for part in split(data, size))
            payload += stream.compress(b"end") + stream.flush(zlib.Z_SYNC_FLUSH)
            title = f"flushed every {size} bytes ({flush})"
            yield case("15.4", title, packed(TEXT, payload[:-4]), [(TEXT, data + b"end")], feeds=LONG)
    stream = zlib.compressobj(6, zlib.DEFLATED, -15)
    whole = stream.compress(data) + stream.flush()
    yield from each_path("15.4", "a stream that is finished", packed(TEXT, whole + b"\0"), [(TEXT, data)])


def by_hand():
    for title, bits, data in (
        ("blocks of each kind", Bits().stored(b"ab").fixed(b"cd").stored().fixed().stored(b"e"), b"abcde"),
        ("a byte a block", one_by_one(Bits(), b"hello " * 50), b"hello " * 50),
        ("final blocks",
         Bits().fixed(b"ab", True).pad().fixed(b"cd", True).pad().stored(b"e", True), b"abcde"),
        ("a final block, then others", Bits().fixed(b"ab", True).pad().fixed(b"cd"), b"abcd"),
        ("a final block of no bytes", Bits().fixed(final=True).pad().fixed(b"ab"), b"ab"),
        ("a repetition across a final block",
         Bits().fixed(b"abc", True).pad().block(FIXED).match(3, 3).symbol(END), b"abcabc"),
        ("a run", Bits().block(FIXED).literals(b"x").match(258, 1).match(3, 1).symbol(END), b"x" * 262),
        ("all lengths", lengths(Bits()), None),
        ("all distances", distances(Bits()), None),
        ("a stored block as large as can be", Bits().stored(bytes(65535)), bytes(65535)),
        ("one code of one bit", one_code(), b"\0" * 8),
    ):
        payload = bits.message()
        found = inflate(payload)
        assert data is None or found == data, title
        feeds = ALL if len(payload) < 1000 else LONG
        come = [(BINARY, found)]
        yield from each_path("15.5", title, packed(BINARY, payload), come, feeds=feeds, exact=True)
    final = Bits().fixed(b"Hello", True).pad().message()
    sent = packed(TEXT, final) + packed(TEXT, AGAIN)
    yield case("15.5", "a final block ends no window", sent, [(TEXT, b"Hello")] * 2)
    last = Bits().fixed(b"Hello").put(1, 3).bytes()  # the block that is cut short is a final one
    sent = packed(TEXT, last) + packed(TEXT, AGAIN)
    yield case("15.5", "nor does one at the end", sent, [(TEXT, b"Hello")] * 2)
    yield case("15.5", "ten times", packed(TEXT, final) * 10 + packed(TEXT, AGAIN), [(TEXT, b"Hello")] * 11)
    for size in (3, 100, 32767, 32768):
        before = payloads.noise(size)
        far = Bits().block(FIXED).match(min(size, 258), size).symbol(END).message()
        sent = packed(BINARY, Bits().stored(before).message()) + packed(BINARY, far)
        come = [(BINARY, before), (BINARY, before[:258])]
        yield case("15.5", f"{size} bytes back, into the message before", sent, come, feeds=LONG)


def one_by_one(bits, data):
    for i in range(len(data)):
        bits.stored(data[i : i + 1]) if i % 3 else bits.fixed(data[i : i + 1])
    return bits


def lengths(bits):
    bits.block(FIXED).literals(bytes(range(256)))
    for length in range(3, 259):
        bits.match(length, 256)
    return bits.symbol(END)


def distances(bits):
    """Each symbol's first and last distance."""
    bits.stored(payloads.noise(32768)).block(FIXED)
    for power in range(1, 16):
        for distance in (1 << power - 1, (1 << power) - 1, 3 << power - 1, (3 << power - 1) + 1, 1 << power):
            if distance <= 32768:
                bits.match(5, distance)
    return bits.symbol(END)


def one_code():
    """A dynamic block: two codes of one bit, and one distance, whose code is not complete."""
    bits = Bits().block(DYNAMIC).put(0, 5).put(0, 5).put(14, 4)
    for length in [0, 0, 1] + [0] * 14 + [1]:  # of 16, 17, 18, ... and 1: which are 1 and 0
        bits.put(length, 3)
    bits.put(0, 1).put(1, 1).put(138 - 11, 7).put(1, 1).put(117 - 11, 7)  # byte 0, and 255 without a code
    return bits.put(0, 1).put(0, 1).put(0, 8).put(1, 1)  # END, a distance; eight bytes 0, and END


# -- 15.6: fragments -------------------------------------------------------------------------------------


def in_fragments():
    data = SHORT
    payload = Packer(Terms()).part(data)
    come = [(TEXT, data)]
    for cut in range(len(payload) + 1):
        sent = parts_of(TEXT, [payload[:cut], payload[cut:]], frame(PING, b"p"))
        yield case("15.6", f"cut at {cut}", sent, [(PONG, b"p")] + come, feeds=WHOLE)
    for size in (1, 2, 3, 10, 50):
        for between, pongs in ((b"", 0), (frame(PING, b"p"), 1), (frame(PONG, b"p"), 0)):
            parts = split(payload, size)
            sent = parts_of(TEXT, parts, between) * 2
            pongs = [(PONG, b"p")] * pongs * (len(parts) - 1)
            title = f"{len(parts)} fragments, {len(between)} bytes between"
            yield case("15.6", title, sent, (pongs + come) * 2, ALONE, COARSE)
    parts = split(payload, 20)
    spread = [one for part in parts for one in (part, b"", b"")]
    yield case("15.6", "empty fragments between", parts_of(TEXT, spread), come)
    yield case("15.6", "empty fragments first", parts_of(TEXT, [b"", b""] + parts), come)
    for opcode in (TEXT, BINARY):
        parts = [some(size, opcode) for size in (10, 0, 1000, 1, 0, 40000)]
        yield from each_path(
            "15.6", f"{NAMES[opcode]}: each fragment compressed by itself",
            lambda packer, opcode=opcode, parts=parts: packer.fragments(opcode, parts, frame(PING))
            + packer.fragments(opcode, parts),
            [(PONG, b"")] * 5 + [(opcode, b"".join(parts))] * 2, feeds=LONG,
        )
    sent = packed(TEXT, payload[:9], fin=False) + frame(CONTINUATION, payload[9:], fin=False)
    yield case("15.6", "a close frame in the middle", sent + close(4000), [closed(4000)])


# -- 15.7: compressed and not -------------------------------------------------------------------------


def in_turn():
    data = LONGER

    def mixed(packer):
        out = b""
        for i in range(20):
            text = data[i:] + b"%d" % i
            out += packer.message(TEXT, text) if i % 3 else frame(TEXT, text)
        return out

    come = [(TEXT, data[i:] + b"%d" % i) for i in range(20)]
    yield from each_path("15.7", "compressed and plain in turn", mixed, come, feeds=LONG, packed=True)
    sent = packed(TEXT, HELLO) + frame(TEXT, b"other words") + packed(TEXT, AGAIN)
    come = [(TEXT, b"Hello"), (TEXT, b"other words"), (TEXT, b"Hello")]
    yield case("15.7", "what comes plain is in no window", sent, come)
    for opcode in (TEXT, BINARY):
        some_data = some(1000, opcode)
        sent = fragments(opcode, split(some_data, 99), frame(PING)) + frame(opcode, some_data)
        yield case("15.7", f"plain {NAMES[opcode]}", sent, [(PONG, b"")] * 10 + [(opcode, some_data)] * 2)

    def afresh(packer):
        return b"".join(Packer(packer.terms).message(TEXT, data) for _ in range(5))

    for path in (PACKED, NARROW):
        title = f"a client that keeps no window, at {path}"
        yield case("15.7", title, afresh, [(TEXT, data)] * 5, path, LONG)
    for size in (0, 1, 255):
        come = [(TEXT, b"x" * size)] * 2
        yield case("15.7", f"{size} bytes, below `min`", twice(*come[0]), come, USUAL, packed=False)
    for size in (256, 1000, 200_000):
        come = [(TEXT, b"x" * size)] * 2
        yield case("15.7", f"{size} bytes, from `min` on", twice(*come[0]), come, USUAL, COARSE, packed=True)


# -- 15.8: windows ---------------------------------------------------------------------------------------


def echoing():
    """Data that repeats itself at every distance: whoever has a larger window than agreed on will use it."""
    chance = random.Random(8)
    data = bytearray(payloads.noise(64))
    while len(data) < 36_000:
        back = chance.choice((200, 256, 300, 511, 520, 1000, 1030, 2050, 4100, 8200, 16400, 32000))
        begin = max(0, len(data) - back)
        data += data[begin : begin + 40] + chance.randbytes(12)
    return bytes(data)


def windows():
    data = echoing()
    three = [(BINARY, data), (BINARY, data[:4000]), (BINARY, data[30_000:])]

    def sent(packer):
        return b"".join(packer.message(*one) for one in three)

    for path in (PACKED, ALONE, NARROW):
        for bits in range(8, 16):
            for asked in (
                f"server_max_window_bits={bits}",
                f"client_max_window_bits={bits}",
                f"server_max_window_bits={bits}; client_max_window_bits={bits}",
                f"server_max_window_bits={bits}; server_no_context_takeover",
                f"client_max_window_bits={bits}; client_no_context_takeover",
            ):
                offer = f"{NAME}; {asked}"
                yield case("15.8", f"{asked}, at {path}", sent, three, path, WHOLE, offer, exact=True)
    for bits in range(8, 16):
        size, offer = 1 << bits, f"{NAME}; client_max_window_bits={bits}"
        back = Bits().block(FIXED).match(3, size).symbol(END)
        payload = Bits().stored(data[:size]).block(FIXED).match(3, size).symbol(END).message()
        come = [(BINARY, data[:size] + data[:3])]
        title = f"a distance of {size}, as far as agreed on"
        yield case("15.8", title, packed(BINARY, payload), come, offer=offer, feeds=LONG)
        sent_in_two = packed(BINARY, Bits().stored(data[:size]).message()) + packed(BINARY, back.message())
        come = [(BINARY, data[:size]), (BINARY, data[:3])]
        yield case("15.8", f"{title}, from message to message", sent_in_two, come, offer=offer, feeds=LONG)


# -- 15.9: large ones, and what comes by chance ---------------------------------------------------------


def large():
    for kind in payloads.KINDS:
        opcode, message = payloads.opcode_of(kind), next(payloads.messages(kind, MIB, 1))
        for path in (PACKED, ALONE):
            sent, come = (lambda packer, one=(opcode, message): [packer.message(*one)]), [(opcode, message)]
            yield case("15.9", f"{kind} of 1 MiB, at {path}", sent, come, path, LONG, size=MIB)
    for kind, size, part in (
        ("json", MIB, 64), ("json", MIB, 1024), ("document", MIB, 65536),
        ("json", 16 * MIB, 0), ("document", 16 * MIB, 65536),
    ):
        opcode, made = payloads.opcode_of(kind), functools.partial(payloads.messages, kind, size)
        for path in (PACKED, ALONE):
            title = f"{kind} of {size} bytes in fragments of {part}, at {path}"
            yield Turns("15.9", title, opcode, 2, size, made, path, fragment=part, offer=NAME, size=size)


def by_chance():
    """Messages of any kind, compressed or not, in any fragments, cut anywhere."""
    for seed in range(60):
        def sent(packer, seed=seed):
            return make(seed, packer)[0]

        path = (PACKED, ALONE, NARROW)[seed % 3]
        come = make(seed, Packer(Terms(client_takeover=path != ALONE)))[1]
        yield case("15.10", f"by chance, {seed}", sent, come, path, LONG, exact=True)


def make(seed, packer):
    chance = random.Random(seed)
    sent, come = b"", []
    for _ in range(chance.randrange(1, 30)):
        kind = chance.choice(list(payloads.KINDS))
        opcode = payloads.opcode_of(kind)
        size = chance.choice((0, 1, 5, 125, 126, 300, 5000, 40000))
        data = list(payloads.messages(kind, size, chance.randrange(1, 4)))[-1] if size else b""
        ping = frame(PING, b"%d" % seed, mask=chance.randbytes(4)) if chance.random() < 0.3 else b""
        if chance.random() < 0.2:
            parts = split(data, chance.choice((3, 100, 50000))) if size < 5000 else [data]
            one = fragments(opcode, parts, ping)
        elif chance.random() < 0.5:
            part = chance.choice((0, 0, 1 if size < 300 else 30, 100, 4096))
            one = packer.message(opcode, data, part, ping)
        else:
            cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.choice((0, 1, 2, 5))))
            parts = [data[i:j] for i, j in zip([0] + cuts, cuts + [len(data)])]
            one = packer.fragments(opcode, parts, ping)
        sent += one
        if ping:
            come += [(PONG, b"%d" % seed)] * one.count(ping)
        come.append((opcode, data))
    return sent, come


def all_cases():
    for group in (
        examples, nothing, sizes, by_zlib, by_hand, in_fragments, in_turn, windows, large, by_chance
    ):
        yield from group()
