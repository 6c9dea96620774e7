"""rfc7692/payloads: data of several kinds to compress, made by chance from a seed, the same each time.
"""

import functools
import json
import random

from rfc6455.peer import BINARY, TEXT


def words(chance, count, letters="aeiounrstldbgkhmf"):
    made = ["".join(chance.choices(letters, k=chance.randrange(1, 12))) for _ in range(count)]
    return made, [1 / (1 + i) for i in range(count)]


def as_json():
    chance = random.Random(1)
    made, weights = words(chance, 300)
    rows = []
    for i in range(1900):
        rows.append({
            "id": i, "name": " ".join(chance.choices(made, weights, k=3)), "at": chance.randrange(10**9),
            "rate": chance.random(), "ok": chance.random() < 0.9, "tags": chance.choices(made, weights, k=2),
        })
    return json.dumps(rows, indent=1)


def as_page():
    chance = random.Random(2)
    made, weights = words(chance, 500, "aeiounrstldéß运")
    lines = []
    for i in range(2400):
        text = " ".join(chance.choices(made, weights, k=8))
        lines.append(f'<tr class="row {"even" if i % 2 else "odd"}"><td>{i}</td><td>{text}</td></tr>\n')
    return "<!DOCTYPE html>\n<table>\n" + "".join(lines) + "</table>\n"


def as_prose():
    chance = random.Random(3)
    made, weights = words(chance, 4000)
    return " ".join(chance.choices(made, weights, k=36_000)).encode()


def as_picture():
    """A grey picture: shades that change slowly, and some noise."""
    chance = random.Random(4)
    noise = chance.randbytes(512 * 400)
    return bytes((x * y >> 11) + (noise[y << 9 | x] & 3) & 255 for y in range(400) for x in range(512))


def as_document():
    """What was compressed before, and a few lines of text between."""
    chance = random.Random(5)
    parts = []
    for i in range(100):
        parts.append(b"%d 0 obj\n<< /Length %d /Filter /FlateDecode >>\nstream\n" % (i, 2000))
        parts.append(chance.randbytes(2000) + b"\nendstream\nendobj\n")
    return b"".join(parts)


KINDS = {"json": as_json, "picture": as_picture, "prose": as_prose, "page": as_page, "document": as_document}


@functools.lru_cache(None)
def data_of(kind):
    """str where it goes as text, bytes where as binary."""
    return KINDS[kind]()


def opcode_of(kind):
    return TEXT if isinstance(data_of(kind), str) else BINARY


def messages(kind, size, count):
    """One piece after the other, and from the beginning again. Sizes are in characters."""
    data, at = data_of(kind), 0
    for _ in range(count):
        piece, at = data[at : at + size], at + size
        while at >= len(data):
            at -= len(data)
            piece += data[: min(at, size - len(piece))] if at < len(data) else data
        yield piece.encode() if isinstance(piece, str) else piece


def noise(size, seed=0):
    """What no compression makes smaller."""
    return random.Random(seed).randbytes(size)
