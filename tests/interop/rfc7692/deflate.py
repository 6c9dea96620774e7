"""rfc7692/deflate: compressed data put together and read bit by bit (RFC 1951).

zlib writes but few of the streams that are allowed, and reads more than it ought to: a distance
beyond the window passes where the bytes still lie in its buffer, and the end of the data is no
fault in the middle of a block. Here every block, length and distance can be written, and what is
read is held to the window and to its end.
"""

import functools

STORED, FIXED, DYNAMIC = 0, 1, 2
END = 256
LENGTHS = [(3 + i, 0) for i in range(8)]
LENGTHS += [((4 + i % 4 << i // 4 - 1) + 3, i // 4 - 1) for i in range(8, 28)] + [(258, 0)]
DISTANCES = [(1 + i, 0) for i in range(4)]
DISTANCES += [((2 + i % 2 << i // 2 - 1) + 1, i // 2 - 1) for i in range(4, 30)]
ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)


class Malformed(ValueError):
    pass


# -- Writing ---------------------------------------------------------------------------------------


class Bits:
    """Blocks, one after the other. Each function gives the object back, so that they can be chained."""

    def __init__(self):
        self.value = 0
        self.count = 0

    def put(self, value, count):
        self.value |= value << self.count
        self.count += count
        return self

    def code(self, value, count):
        """A Huffman code, whose first bit is its highest."""
        return self.put(int(f"{value:0{count}b}"[::-1], 2), count)

    def pad(self):
        self.count += -self.count % 8
        return self

    def block(self, kind, final=False):
        return self.put(final, 1).put(kind, 2)

    def stored(self, data=b"", final=False, check=None):
        size = len(data)
        self.block(STORED, final).pad().put(size, 16).put(0xFFFF ^ size if check is None else check, 16)
        return self.put(int.from_bytes(data, "little"), 8 * size)

    def symbol(self, symbol):
        """In the fixed code: a byte, END, or what begins a length."""
        if symbol < 144:
            return self.code(0x30 + symbol, 8)
        if symbol < 256:
            return self.code(0x190 + symbol - 144, 9)
        return self.code(symbol - 256, 7) if symbol < 280 else self.code(0xC0 + symbol - 280, 8)

    def literals(self, data):
        for byte in data:
            self.symbol(byte)
        return self

    def match(self, length, distance):
        i = max(i for i, (base, _) in enumerate(LENGTHS) if base <= length)
        self.symbol(257 + i).put(length - LENGTHS[i][0], LENGTHS[i][1])
        i = max(i for i, (base, _) in enumerate(DISTANCES) if base <= distance)
        return self.code(i, 5).put(distance - DISTANCES[i][0], DISTANCES[i][1])

    def fixed(self, data=b"", final=False):
        return self.block(FIXED, final).literals(data).symbol(END)

    def bytes(self):
        return self.value.to_bytes(-(-self.count // 8), "little")

    def message(self):
        """As a message's payload: the last block is an empty stored one without its lengths."""
        return self.value.to_bytes(-(-(self.count + 3) // 8), "little")


# -- Reading ---------------------------------------------------------------------------------------


class Code:
    """A Huffman code: {(bits, value): symbol}, and a table for those that are not long."""

    SHORT = 9

    def __init__(self, lengths, may_be_incomplete=False):
        longest = max(lengths, default=0)
        counts = [0] * (longest + 2)
        for length in lengths:
            counts[length] += bool(length)
        left = 1
        for length in range(1, longest + 1):
            left = 2 * left - counts[length]
            if left < 0:
                raise Malformed("too many codes")
        if left and not (may_be_incomplete and sum(counts) <= 1 and longest <= 1):
            raise Malformed("too few codes")
        value, self.symbols = 0, {}
        self.table = [None] * (1 << self.SHORT)
        for length in range(1, longest + 1):
            for symbol, its in enumerate(lengths):
                if its == length:
                    self.add(length, value, symbol)
                    value += 1
            value <<= 1

    def add(self, length, value, symbol):
        self.symbols[length, value] = symbol
        if length <= self.SHORT:
            first = int(f"{value:0{length}b}"[::-1], 2)
            for i in range(first, len(self.table), 1 << length):
                self.table[i] = symbol, length

    def read(self, source):
        entry = self.table[source.peek() & (1 << self.SHORT) - 1]
        if entry and entry[1] <= source.left():
            source.at += entry[1]
            return entry[0]
        value = 0
        for length in range(1, 16):
            value = value << 1 | source.take(1)
            symbol = self.symbols.get((length, value))
            if symbol is not None:
                return symbol
        raise Malformed("no such code")


FIXED_CODES = Code([8] * 144 + [9] * 112 + [7] * 24 + [8] * 8), Code([5] * 32)


class Source:
    def __init__(self, data):
        self.data = data
        self.at = 0  # bits

    def peek(self):
        """The next bits, at least Code.SHORT of them, zeros behind the last."""
        begin = self.at >> 3
        return int.from_bytes(self.data[begin : begin + 3], "little") >> (self.at & 7)

    def left(self):
        return 8 * len(self.data) - self.at

    def take(self, count):
        if count > self.left():
            raise Malformed("the data ends in the middle of a block")
        begin, end = self.at >> 3, self.at + count + 7 >> 3
        taken = int.from_bytes(self.data[begin:end], "little") >> (self.at & 7) & (1 << count) - 1
        self.at += count
        return taken

    def pad(self):
        self.take(-self.at % 8)


def read_codes(source):
    literals, distances, count = source.take(5) + 257, source.take(5) + 1, source.take(4) + 4
    if literals > 286 or distances > 30:
        raise Malformed("more symbols than there are")
    lengths = [0] * 19
    for i in range(count):
        lengths[ORDER[i]] = source.take(3)
    code, lengths = Code(lengths), []
    while len(lengths) < literals + distances:
        symbol = code.read(source)
        if symbol == 16 and not lengths:
            raise Malformed("nothing to repeat")
        one, times = {
            16: lambda: (lengths[-1], 3 + source.take(2)),
            17: lambda: (0, 3 + source.take(3)),
            18: lambda: (0, 11 + source.take(7)),
        }.get(symbol, lambda: (symbol, 1))()
        lengths += [one] * times
    if len(lengths) > literals + distances or not lengths[END]:
        raise Malformed("lengths beyond the last symbol, or no end")
    return Code(lengths[:literals], True), Code(lengths[literals:], True)


def read_symbols(source, codes, out, reach):
    while (symbol := codes[0].read(source)) != END:
        if symbol < END:
            out.append(symbol)
            continue
        if symbol > 285:
            raise Malformed("a length that is none")
        base, extra = LENGTHS[symbol - 257]
        length = base + source.take(extra)
        symbol = codes[1].read(source)
        if symbol > 29:
            raise Malformed("a distance that is none")
        base, extra = DISTANCES[symbol]
        distance = base + source.take(extra)
        if distance > min(reach, len(out)):
            raise Malformed(f"a distance of {distance}, beyond the window")
        for _ in range(length):
            out.append(out[-distance])


@functools.lru_cache(1000)
def inflate(payload, bits=15, window=b""):
    """A message's payload, with what may be behind it in the window: the message.

    Section 7.2.1: it ends with an empty stored block, of which the last four bytes were left out.
    """
    source, out = Source(payload + b"\0\0\xff\xff"), bytearray(window)
    ends = False
    while source.left():
        final, kind = source.take(1), source.take(2)
        ends = False
        if kind == STORED:
            source.pad()
            size, check = source.take(16), source.take(16)
            if size ^ check != 0xFFFF:
                raise Malformed("a length that its check denies")
            out += source.take(8 * size).to_bytes(size, "little")
            ends = size == 0
        elif kind in (FIXED, DYNAMIC):
            read_symbols(source, FIXED_CODES if kind == FIXED else read_codes(source), out, 1 << bits)
        else:
            raise Malformed("a block that is none")
        if final:
            source.pad()
    if not ends:
        raise Malformed("the last block is another than the one that was cut short")
    return bytes(out[len(window) :])
