"""rfc7692/codec: the client's messages compressed, and the server's held to what was agreed.
"""

import zlib

from rfc6455.case import split
from rfc6455.peer import BINARY, CONTINUATION, MASK, TEXT, frame, masked
from rfc7692.deflate import inflate

TAIL = b"\0\0\xff\xff"
RSV1 = 4


class Packer:
    """Compresses as the terms ask, with as large a window as they leave."""

    def __init__(self, terms, level=6):
        self.terms = terms
        self.level = level
        self.stream = None

    def compress(self, data):
        if self.stream is None:
            self.stream = zlib.compressobj(self.level, zlib.DEFLATED, -max(self.terms.client_bits, 9))
        if self.terms.client_bits > 8:
            return self.stream.compress(data) + self.stream.flush(zlib.Z_SYNC_FLUSH)
        # zlib has no window of 256 bytes: it forgets everything as often.
        compress, flush = self.stream.compress, self.stream.flush
        return b"".join(compress(part) + flush(zlib.Z_FULL_FLUSH) for part in split(data, 256))

    def part(self, data, last=True):
        """A fragment's payload, which can be inflated when it is there."""
        out = self.compress(data) if data else b""
        if not last:
            return out
        if not self.terms.client_takeover:
            self.stream = None
        return out[:-4] if out.endswith(TAIL) else out + b"\0"

    def message(self, opcode, data, size=0, between=b""):
        """In one frame, or cut into fragments of that size once it is compressed."""
        payload = self.part(data)
        parts = split(payload, size) if size else [payload]
        last = len(parts) - 1
        frames = (
            frame(CONTINUATION if i else opcode, part, fin=i == last, rsv=0 if i else RSV1)
            for i, part in enumerate(parts)
        )
        return between.join(frames)

    def fragments(self, opcode, parts, between=b""):
        """Each part compressed by itself."""
        last = len(parts) - 1
        frames = (
            frame(
                CONTINUATION if i else opcode, self.part(part, i == last), fin=i == last, rsv=0 if i else RSV1
            )
            for i, part in enumerate(parts)
        )
        return between.join(frames)

    def translate(self, data):
        """Frames in which the payloads of data are compressed. What is faulty stays as it is."""
        out, at = b"", 0
        while at < len(data):
            first, second = data[at : at + 2]
            width = {126: 2, 127: 8}.get(second & 0x7F, 0)
            begin = at + 2 + width + 4
            size = int.from_bytes(data[at + 2 : at + 2 + width], "big") if width else second & 0x7F
            payload = masked(data[begin : begin + size], MASK)
            opcode, rsv, fin = first & 0xF, first >> 4 & 7, bool(first & 0x80)
            if opcode in (CONTINUATION, TEXT, BINARY) and not rsv and second & 0x80:
                out += frame(opcode, self.part(payload, fin), fin=fin, rsv=RSV1 if opcode else 0)
            else:
                out += data[at : begin + size]
            at = begin + size
        return out


class Unpacker:
    """What a frame with RSV1 from the server means. `exact`: bit by bit, every distance too."""

    def __init__(self, terms, exact=False):
        self.terms = terms
        self.exact = exact
        self.window = b""
        self.stream = None

    def __call__(self, payload):
        if self.exact:
            message = inflate(payload, self.terms.server_bits, self.window)
            if self.terms.server_takeover:
                self.window = (self.window + message)[-(1 << self.terms.server_bits) :]
            return message
        if self.stream is None or not self.terms.server_takeover:
            self.stream = zlib.decompressobj(-self.terms.server_bits)
        message = self.stream.decompress(payload + TAIL)
        if self.stream.eof or self.stream.unconsumed_tail:
            raise ValueError("a final block, or more than a message")
        return message
