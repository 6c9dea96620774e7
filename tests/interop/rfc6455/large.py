"""rfc6455/large: the limits of a mount, large messages in all kinds of pieces, and frames by chance.
"""

import random

from rfc6455.case import COARSE, ECHO, LARGE, SMALL, WHOLE, Case, Heard
from rfc6455.case import close, closed, fault, fragments, some, split
from rfc6455.peer import BINARY, CONTINUATION, NAMES, PING, PONG, TEXT, frame, header

SMALL_MESSAGE, SMALL_FRAGMENTS = 1000, 4  # the limits of SMALL
MIB = 1 << 20


# -- 8: limits of the mount --------------------------------------------------------------------------


def limits():
    full, more = b"x" * SMALL_MESSAGE, b"x" * (SMALL_MESSAGE + 1)
    for opcode in (TEXT, BINARY):
        name = NAMES[opcode]
        yield Case("8.1", f"{name} of the limit", frame(opcode, full), [(opcode, full)], SMALL)
        yield Case("8.1", f"{name} of one more", frame(opcode, more), [fault(1009)], SMALL, COARSE)
        yield Case(
            "8.1", f"the header of {name} of one more", header(opcode, len(more)), [fault(1009)], SMALL
        )
        yield Case(
            "8.1",
            f"{name} of one more behind a message",
            frame(opcode, b"x") + frame(opcode, more),
            [(opcode, b"x"), fault(1009)],
            SMALL,
            COARSE,
        )
        for cut in (0, 1, 500, SMALL_MESSAGE - 1, SMALL_MESSAGE):
            yield Case(
                "8.2",
                f"{name} of the limit in fragments, cut at {cut}",
                fragments(opcode, [full[:cut], full[cut:]]),
                [(opcode, full)],
                SMALL,
            )
            yield Case(
                "8.2",
                f"{name} of one more in fragments, cut at {cut}",
                fragments(opcode, [more[:cut], more[cut:]]),
                [fault(1009)],
                SMALL,
            )
        sent = frame(opcode, full, fin=False) + frame(PING, b"p") + header(CONTINUATION, 1)
        yield Case(
            "8.2",
            f"{name}: the header of a fragment that is too much",
            sent,
            [(PONG, b"p"), fault(1009)],
            SMALL,
        )
        sent = frame(opcode, full, fin=False) + frame(CONTINUATION, b"")
        yield Case("8.2", f"{name}: a fragment of no bytes is not too much", sent, [(opcode, full)], SMALL)
        sent = frame(opcode, full) * 3
        yield Case("8.2", f"{name}: each message counts for itself", sent, [(opcode, full)] * 3, SMALL)
        for part in (b"", b"x"):
            parts = [part] * SMALL_FRAGMENTS
            yield Case(
                "8.3",
                f"{name}: as many fragments as allowed ({len(part)})",
                fragments(opcode, parts),
                [(opcode, b"".join(parts))],
                SMALL,
            )
            yield Case(
                "8.3",
                f"{name}: one fragment more ({len(part)})",
                fragments(opcode, parts + [part]),
                [fault(1008)],
                SMALL,
            )
            sent = b"".join(frame(CONTINUATION if i else opcode, part, fin=False) for i in range(100))
            yield Case("8.3", f"{name}: fragments without end ({len(part)})", sent, [fault(1008)], SMALL)
        sent = fragments(opcode, [b"x"] * SMALL_FRAGMENTS, frame(PING)) * 2
        come = ([(PONG, b"")] * (SMALL_FRAGMENTS - 1) + [(opcode, b"x" * SMALL_FRAGMENTS)]) * 2
        yield Case("8.3", f"{name}: pings are no fragments", sent, come, SMALL)


# -- 9: large messages, 10: in fragments as a client makes them by itself ------------------------------


def large():
    for opcode in (TEXT, BINARY):
        for size in (64 * 1024, 256 * 1024, MIB, 4 * MIB, 8 * MIB, 16 * MIB):
            yield whole_case(opcode, size, "whole")
        for piece in (64, 128, 256, 512, 1024, 2048):
            yield whole_case(opcode, MIB, piece)
        for part in (64, 256, 1024, 4096, 16384, 65536, 262144, MIB, 4 * MIB):
            yield parts_case("9.2", opcode, 4 * MIB, part)
        for size in (0, 16, 64, 256, 1024, 4096, 16384, 65536):
            yield turns_case(opcode, size, 200)
    yield parts_case("9.2", BINARY, 16 * MIB, 64)
    yield parts_case("9.2", TEXT, 16 * MIB, MIB)
    for opcode in (TEXT, BINARY):
        for part in (1, 1299, 1300, 1301):
            yield parts_case("10.1", opcode, 65536, part)


def whole_case(opcode, size, feed):
    data = some(size, opcode)
    title = f"{NAMES[opcode]} of {size} bytes" + ("" if feed == "whole" else f", {feed} at a time")
    return Case("9.1", title, lambda: [frame(opcode, data)], [(opcode, data)], LARGE, (feed,), size=size)


def parts_case(group, opcode, size, part):
    data = some(size, opcode)
    title = f"{NAMES[opcode]} of {size} bytes in fragments of {part}"
    return Case(
        group,
        title,
        lambda: [fragments(opcode, split(data, part))],
        [(opcode, data)],
        LARGE,
        WHOLE,
        size=size,
    )


def turns_case(opcode, size, count):
    """One message at a time."""
    data = some(size, opcode)
    title = f"{count} times {NAMES[opcode]} of {size} bytes, there and back"

    def turns():
        one = frame(opcode, data)
        return [step for i in range(count) for step in (one, Heard(i + 1))]

    return Case("9.3", title, turns, [(opcode, data)] * count, LARGE, WHOLE, size=size * count)


# -- What comes by chance ----------------------------------------------------------------------------


def by_chance():
    """Frames that are right, in any order and number, cut anywhere."""
    for seed in range(60):
        chance = random.Random(seed)
        sent, come = b"", []
        for _ in range(chance.randrange(1, 40)):
            opcode = chance.choice((TEXT, BINARY))
            data = some(chance.choice((0, 1, 5, 125, 126, 300, 5000)), opcode)
            cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.choice((0, 0, 1, 2, 5))))
            parts = [data[i:j] for i, j in zip([0] + cuts, cuts + [len(data)])]
            for i, part in enumerate(parts):
                while chance.random() < 0.2:
                    ping = some(chance.randrange(126))
                    sent += frame(PING, ping, mask=chance.randbytes(4))
                    come.append((PONG, ping))
                last = i == len(parts) - 1
                sent += frame(CONTINUATION if i else opcode, part, fin=last, mask=chance.randbytes(4))
            come.append((opcode, data))
        if seed % 3 == 1:
            sent += close(4000 + seed)
            come.append(closed(4000 + seed))
        if seed % 3 == 2:
            sent += chance.choice((frame(5), frame(PING, rsv=4), frame(TEXT, mask=None)))
            come.append(fault())
        yield Case("11.1", f"by chance, {seed}", sent, come, ECHO, ("whole", "pieces", "thousands"))


def all_cases():
    for group in (limits, large, by_chance):
        yield from group()
