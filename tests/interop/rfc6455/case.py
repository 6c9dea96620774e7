"""rfc6455/case: what a case is, and the words that cases are written in.

A case is what a client sends and the frames that must come for it, the last of them a close frame
where the server has to close. What follows a fault in what is sent, or a close frame, must be
ignored. Where no close frame is due the connection must still work, and is closed by the client.
"""

import dataclasses
import typing

from rfc6455.peer import BINARY, CLOSE, CONTINUATION, frame

# The mounts of conformance.sh.
ECHO, SMALL, LARGE, CLOSES = "/ws/strict/", "/ws/small/", "/ws/large/", "/ws/closes/room/"
# Those that compress: with windows that are kept, with none, with small ones; as the default is, and
# with limits.
PACKED, ALONE, NARROW = "/ws/packed/", "/ws/packed/alone/", "/ws/packed/narrow/"
USUAL, TIGHT = "/ws/packed/usual/", "/ws/packed/tight/"

# How what is sent is cut. Each way is a run of its own.
WHOLE, COARSE, FINE, LONG = ("whole",), ("whole", "pieces"), ("whole", "bytes"), ("whole", "thousands")
ALL = ("whole", "pieces", "bytes")


@dataclasses.dataclass(frozen=True)
class Closed:
    """A close frame with this code, and a reason that the server may choose."""

    code: int


@dataclasses.dataclass(frozen=True)
class Heard:
    """In what is sent: wait until that many frames have come."""

    count: int

    def __str__(self):
        return f"[{self.count} heard]"


class Shut:
    """In what is sent: no more will be. What comes is still read."""

    def __str__(self):
        return "[no more]"


class Silence:
    """In what is sent: for a moment nothing must come, nor the end."""

    def __str__(self):
        return "[a moment]"


@dataclasses.dataclass
class Case:
    group: str
    title: str
    sent: typing.Any  # bytes, a list of bytes, Heard and Silence, or what makes it (of a Packer)
    come: list  # of (opcode, payload) and Closed
    path: str = ECHO
    feeds: tuple = ALL
    size: int = 0  # of what is sent, where it is large
    offer: str = ""  # extensions that must be agreed on
    exact: bool = False  # what comes compressed is read bit by bit
    packed: bool = None  # must all messages come compressed, or none? None: as the server likes
    stands_for: str = ""  # the number of the case in the list of autobahn.py
    id: str = ""


@dataclasses.dataclass
class Turns:
    """Messages that go there and back, one at a time: as many as the run wants, out of `count`."""

    group: str
    title: str
    opcode: int
    count: int
    bytes: int  # of a message
    messages: typing.Callable  # of how many: gives one after the other
    path: str = ECHO
    feeds: tuple = WHOLE
    fragment: int = 0  # bytes of one, where they are compressed
    offer: str = ""
    packed: bool = None
    exact: bool = False
    stands_for: str = ""
    size: int = 0
    id: str = ""


def fault(code=1002):
    return Closed(code)


def code_of(code, reason=b""):
    return code.to_bytes(2, "big") + reason


def close(code=1000, reason=b"", **how):
    return frame(CLOSE, code_of(code, reason), **how)


def closed(code=1000):
    """What answers a close frame with that code."""
    return (CLOSE, code_of(code))


def fragments(opcode, parts, between=b"", **how):
    """A message in fragments, and what is sent between them."""
    out = []
    for i, part in enumerate(parts):
        out.append(frame(CONTINUATION if i else opcode, part, fin=i == len(parts) - 1, **how))
    return between.join(out)


def split(data, size):
    return [data[i : i + size] for i in range(0, len(data), size)] or [b""]


def some(size, opcode=BINARY):
    """Bytes of all values, or text of characters of one to four bytes."""
    if opcode == BINARY:
        return (bytes(range(256)) * (size // 256 + 1))[:size]
    pattern = "aé运😀".encode()  # ten bytes
    return pattern * (size // 10) + b"x" * (size % 10)
