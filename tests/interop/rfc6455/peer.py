"""rfc6455/peer: the client's side of a connection, which hides nothing.

Client libraries refuse to send what is wrong, and mend what they get. Here frames are put together
byte by byte, and all that comes is kept as it came: frames, what is wrong with them, and how the
connection ended.
"""

import asyncio
import base64
import hashlib
import zlib

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NAMES = {0: "continuation", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
MASK = b"\x37\xfa\x21\x3d"
PATIENCE = 30  # seconds that a server has for what must come


def accept_of(key):
    digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    return base64.b64encode(digest).decode()


def masked(payload, mask):
    """The payload under the mask: one wide exclusive or."""
    size = len(payload)
    wide = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(wide, "little")).to_bytes(size, "little")


def header(opcode, length, *, fin=True, rsv=0, mask=MASK, width=None):
    """A frame's header. `width`: the bytes of the length, where it is not to be the shortest."""
    if width is None:
        width = 0 if length < 126 else 2 if length < 65536 else 8
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    short = {0: length, 2: 126, 8: 127}[width]
    second = (0x80 if mask is not None else 0) | short
    return bytes((first, second)) + (length.to_bytes(width, "big") if width else b"") + (mask or b"")


def frame(opcode, payload=b"", **how):
    mask = how.get("mask", MASK)
    body = payload if mask is None else masked(payload, mask)
    return header(opcode, len(payload), **how) + body


class Peer(asyncio.Protocol):
    """One connection. What comes before `upgraded` is set is HTTP, and left in `bytes`."""

    def __init__(self):
        self.bytes = bytearray()
        self.upgraded = False
        self.frames = []  # (opcode, payload) of each that came
        self.packed = []  # did it come compressed, of each message
        self.unpack = None  # what RSV1 means, where it means something
        self.wrong = None  # what no server may send
        self.ended = None  # "end", or how it was cut
        self.more = asyncio.Event()

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.bytes += data
        if self.upgraded:
            self.take_frames()
        self.more.set()

    def eof_received(self):
        self.ended = self.ended or "end"
        self.more.set()
        return True  # this side stays open: the server closes first

    def connection_lost(self, error):
        self.ended = self.ended or (f"cut ({error})" if error else "end")
        self.more.set()

    def take_frames(self):
        while self.wrong is None and self.take_frame():
            pass

    def take_frame(self):
        if len(self.bytes) < 2:
            return False
        first, second = self.bytes[:2]
        short = second & 0x7F
        width = {126: 2, 127: 8}.get(short, 0)
        if len(self.bytes) < 2 + width:
            return False
        length = int.from_bytes(self.bytes[2 : 2 + width], "big") if width else short
        self.wrong = self.judge(first, second, width, length)
        if self.wrong or len(self.bytes) < 2 + width + length:
            return False
        payload = bytes(self.bytes[2 + width : 2 + width + length])
        del self.bytes[: 2 + width + length]
        if first & 0xF < CLOSE:
            self.packed.append(bool(first & 0x40))
        if first & 0x40:
            try:
                payload = self.unpack(payload)
            except (ValueError, zlib.error) as error:
                self.wrong = f"a message that can't be inflated: {error}"
                return False
        self.frames.append((first & 0xF, payload))
        return True

    def judge(self, first, second, width, length):
        if first & 0xF not in (TEXT, BINARY, CLOSE, PING, PONG):
            return f"a frame of opcode {first & 0xF}"
        if not first & 0x80:
            return "a fragment"
        if first & (0x30 if self.unpack and first & 0xF < CLOSE else 0x70):
            return "a reserved bit"
        if second & 0x80:
            return "a mask"
        if width and length < (126 if width == 2 else 65536):
            return f"a length of {length} in {width} bytes"
        if first & 0x8 and length > 125:
            return f"a control frame of {length} bytes"
        if self.frames and self.frames[-1][0] == CLOSE:
            return "a frame behind the close frame"
        return None

    def send(self, data):
        if not self.transport.is_closing():
            self.transport.write(data)

    async def until(self, is_there, seconds=PATIENCE):
        """Waits until that is so, nothing more can come, or it took too long. False: it isn't so."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not is_there():
            left = deadline - asyncio.get_running_loop().time()
            if self.ended or self.wrong or left <= 0:
                return False
            self.more.clear()
            try:
                await asyncio.wait_for(self.more.wait(), left)
            except asyncio.TimeoutError:
                return is_there()
        return True

    async def answer(self, head_only=False):
        """The next HTTP answer: its status, its fields by their names in small letters, its body."""
        if not await self.until(lambda: b"\r\n\r\n" in self.bytes):
            return 0, {}, bytes(self.bytes)
        head, _, rest = bytes(self.bytes).partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        fields = {}
        for name, _, value in (line.partition(":") for line in lines[1:]):
            fields.setdefault(name.lower(), []).append(value.strip())
        status = int(lines[0].split(" ")[1]) if lines[0].startswith("HTTP/1.1 ") else 0
        size = 0 if head_only or status == 101 else int(fields.get("content-length", ["0"])[0])
        at = len(head) + 4
        if not await self.until(lambda: len(self.bytes) >= at + size):
            return 0, fields, bytes(self.bytes)
        body = bytes(self.bytes[at : at + size])
        del self.bytes[: at + size]
        if status == 101:
            self.upgraded = True
            self.take_frames()
        return status, fields, body

    def close(self):
        if self.ended:
            self.transport.close()
        else:
            self.transport.abort()


def request_of(path, host, fields=(), method="GET", version="HTTP/1.1", line=None):
    """A handshake. `fields` replace those of the same name, and None takes one away."""
    head = [
        ("Host", host),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", KEY),
        ("Sec-WebSocket-Version", "13"),
    ]
    given = {name.lower() for name, _ in fields}
    head = [one for one in head if one[0].lower() not in given]
    head += [one for one in fields if one[1] is not None]
    lines = [line or f"{method} {path} {version}"] + [f"{name}: {value}" for name, value in head]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def connect(host, port):
    _, peer = await asyncio.get_running_loop().create_connection(Peer, host, port)
    return peer
