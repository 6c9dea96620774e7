#!/usr/bin/python3
"""interop/conformance: does the server keep to RFC 6455 and RFC 7692, to the byte and to the close code.

    conformance.py HOST:PORT [ID...]        only the cases whose id begins so; the last line counts
    conformance.py --numbers                which cases stand for the numbers of Autobahn's list

The mounts that it needs are in conformance.sh. Each case is sent whole, in pieces of several sizes,
and a byte at a time, each in a connection of its own; many connections are open at once. What must
come has to come exactly, in order, and then the end; anything else fails.
"""

import asyncio
import collections
import itertools
import os
import sys
import time

sys.dont_write_bytecode = True  # the sources may lie where nothing is to be written

import autobahn  # noqa: E402
from rfc6455 import closing, frames, handshake, large, utf8  # noqa: E402
from rfc6455.case import ECHO, Case, Closed, Heard, Shut, Silence, Turns, close, closed  # noqa: E402
from rfc6455.peer import CLOSE, NAMES, TEXT, connect, frame, request_of  # noqa: E402
from rfc7692 import faults, messages, negotiation  # noqa: E402
from rfc7692.codec import RSV1, Packer, Unpacker  # noqa: E402
from rfc7692.terms import agree  # noqa: E402

EXTENSIONS = "Sec-WebSocket-Extensions"
AT_ONCE = 48  # connections
LARGE = 1 << 20  # bytes from which a case is large
LARGE_AT_ONCE = 3
ENOUGH = 256 * 1024  # bytes, of messages that go there and back one at a time
PLAIN = bool(os.environ.get("DEMO_PLAIN"))  # the server was built without compression
ALL_MESSAGES = "SLUICE_ALL_MESSAGES" in os.environ  # or all of them, which takes many minutes
STEPS = {  # bytes that are sent at once, again and again
    "pieces": (1, 2, 3, 5, 8, 13, 1, 21, 34, 2, 377),
    "bytes": (1,),
    "thousands": (997, 1, 4099, 2048, 3),
}


class Failed(Exception):
    pass


# -- How a case reads --------------------------------------------------------------------------------


def short(data, most=48):
    text = data[:most].hex()
    return text if len(data) <= most else f"{text}... ({len(data)} bytes)"


def name_frame(one):
    if isinstance(one, Closed):
        return f"close {one.code}"
    opcode, payload = one
    if opcode == CLOSE and len(payload) >= 2:
        return f"close {int.from_bytes(payload[:2], 'big')} {payload[2:]!r}"
    return f"{NAMES[opcode]} {payload!r}" if len(payload) <= 40 else f"{NAMES[opcode]} {short(payload, 16)}"


def name_frames(frames):
    """The first ones, and the last."""
    names = [name_frame(one) for one in frames]
    if len(names) > 8:
        names[4:-2] = [f"... ({len(names)} frames)"]
    return ", ".join(names) or "no frame"


def name_sent(case):
    sent = getattr(case, "sent", b"")
    if case.offer:
        return case.offer
    if callable(sent):
        sent = sent()
    if isinstance(sent, bytes):
        return short(sent)
    return " ".join(short(step) if isinstance(step, bytes) else str(step) for step in sent[:8])


# -- Running a case ----------------------------------------------------------------------------------


async def feed(peer, data, how):
    if how == "whole" or isinstance(how, int):
        steps = (len(data),) if how == "whole" else (how,)
    else:
        steps = STEPS[how]
    at = 0
    for size in itertools.cycle(steps):
        if at >= len(data) or peer.ended:
            return
        peer.send(data[at : at + size])
        at += size
        if at < len(data):
            await asyncio.sleep(0)  # the other connections' turn, and the server's


async def silence(peer):
    before = len(peer.frames)
    await asyncio.sleep(0.3)
    if peer.ended or len(peer.frames) > before:
        raise Failed("what had to wait for the client")


async def send(peer, steps, how):
    for step in [steps] if isinstance(steps, bytes) else steps:
        if isinstance(step, Heard):
            await peer.until(lambda: len(peer.frames) >= step.count)
        elif isinstance(step, Silence):
            await silence(peer)
        elif isinstance(step, Shut):
            peer.transport.write_eof()
        else:
            await feed(peer, step, how)


def is_as(found, expected):
    if isinstance(expected, Closed):
        opcode, payload = found
        if opcode != CLOSE or payload[:2] != expected.code.to_bytes(2, "big"):
            return False
        return utf8.is_utf8(payload[2:])
    return found == expected


async def expect(peer, come):
    """Exactly these frames, so far."""
    await peer.until(lambda: len(peer.frames) >= len(come))
    if peer.wrong:
        raise Failed(peer.wrong)
    if len(peer.frames) != len(come):
        raise Failed("too few frames" if len(peer.frames) < len(come) else "too many frames")
    for i, (found, expected) in enumerate(zip(peer.frames, come)):
        if not is_as(found, expected):
            raise Failed(f"frame {i + 1} is another")


async def expect_end(peer):
    await peer.until(lambda: peer.ended)
    if peer.wrong or peer.bytes:
        raise Failed(peer.wrong or "bytes behind the close frame")
    if not peer.ended:
        raise Failed("no end: the server closes first")
    if peer.ended != "end":
        raise Failed("the connection was cut, not ended")


def closes(come):
    return bool(come) and (isinstance(come[-1], Closed) or come[-1][0] == CLOSE)


async def finish(peer, come, shut=False):
    """What must come, and then the end. If no close frame is due, one is exchanged."""
    await expect(peer, come)
    if not closes(come) and not shut:
        peer.send(close(1000))
        come = come + [closed(1000)]
        await expect(peer, come)
    await expect_end(peer)


async def upgrade(peer, host, path, extensions=(), how="whole"):
    """The extension's terms, or None where nothing was agreed on."""
    await feed(peer, request_of(path, host, [(EXTENSIONS, value) for value in extensions]), how)
    status, fields, _ = await peer.answer()
    if status != 101:
        raise Failed(f"the handshake was answered {status}")
    try:
        terms = agree(extensions, fields.get(EXTENSIONS.lower()))
    except ValueError as error:
        raise Failed(f"the answer's extensions: {error}") from None
    peer.unpack = terms and Unpacker(terms)
    return terms


async def begin(peer, host, case):
    """Makes the connection, and what compresses for it."""
    terms = await upgrade(peer, host, case.path, [case.offer] if case.offer else [])
    if case.offer and not terms:
        raise Failed("compression was not agreed to")
    if terms:
        peer.unpack.exact = case.exact
    return terms and Packer(terms)


def look_at_packing(peer, case):
    if case.packed is not None and (not peer.packed or set(peer.packed) != {case.packed}):
        raise Failed(f"compressed, one by one: {peer.packed[:20]}")


async def run_case(peer, host, case, how):
    packer = await begin(peer, host, case)
    sent = case.sent(*[packer] * bool(packer)) if callable(case.sent) else case.sent
    await send(peer, sent, how)
    await finish(peer, case.come, isinstance(sent[-1], Shut))
    look_at_packing(peer, case)


async def run_turns(peer, host, case, how):
    packer = await begin(peer, host, case)
    if packer:
        packer.level = 1
    count = case.count if ALL_MESSAGES else min(case.count, max(8, ENOUGH // max(case.bytes, 1)))
    for i, message in enumerate(case.messages(count)):
        sent = packer.message(case.opcode, message, case.fragment) if packer else frame(case.opcode, message)
        await feed(peer, sent, how)
        if not await peer.until(lambda: peer.frames) or peer.frames != [(case.opcode, message)]:
            why = peer.wrong or ("another answer" if peer.frames else "no answer")
            raise Failed(f"message {i + 1}: {why}")
        peer.frames.clear()
    look_at_packing(peer, case)
    await finish(peer, [])


async def run_offer(peer, host, case, how):
    """What is agreed on, and that it works."""
    if case.status != 101:
        await feed(peer, request_of(case.path, host, [(EXTENSIONS, value) for value in case.offers]), how)
        status, _, _ = await peer.answer()
        if status != case.status:
            raise Failed(f"status {status}, expected {case.status}")
        return
    terms = await upgrade(peer, host, case.path, case.offers, how)
    expected = None if PLAIN else case.terms
    if terms != expected:
        raise Failed(f"agreed on {terms}, expected {expected}")
    packer = terms and Packer(terms)
    if terms:
        peer.unpack.exact = True
    come = [(TEXT, message) for message in negotiation.MESSAGES]
    for message in negotiation.MESSAGES:
        peer.send(packer.message(TEXT, message) if packer else frame(TEXT, message))
    if not terms:  # RSV1 has no meaning then
        peer.send(frame(TEXT, b"hello", rsv=RSV1))
        come.append(Closed(1002))
    await finish(peer, come)
    if set(peer.packed) != {terms is not None}:
        raise Failed(f"compressed, one by one: {peer.packed}")


async def run_handshake(peer, host, case, how):
    await feed(peer, case.sent, how)
    status, fields, body = await peer.answer()
    if status != case.status:
        raise Failed(f"status {status}, expected {case.status}; {body[:100]!r}")
    for name, value in case.fields.items():
        if fields.get(name) != ([value] if value is not None else None):
            raise Failed(f"{name}: {fields.get(name)}, expected {value}")
    if status == 101:
        if case.come is None:
            peer.send(frame(TEXT, b"hello"))
        await finish(peer, [(TEXT, b"hello")] if case.come is None else case.come)
    elif "close" in ", ".join(fields.get("connection", [])):
        await expect_end(peer)
    else:  # the connection goes on
        await upgrade(peer, host, ECHO)
        await finish(peer, [])


RUNS = {
    Case: run_case,
    handshake.Handshake: run_handshake,
    negotiation.Offer: run_offer,
    Turns: run_turns,
}


# -- All of them -----------------------------------------------------------------------------------------


class Run:
    def __init__(self, address):
        self.address = address
        self.host, port = address.rsplit(":", 1)
        self.port = int(port)
        self.passed = collections.Counter()
        self.failed = collections.Counter()
        self.ran = []  # cases
        self.at_once = asyncio.Semaphore(AT_ONCE)
        self.large_at_once = asyncio.Semaphore(LARGE_AT_ONCE)

    async def one(self, case, how):
        run = RUNS[type(case)]
        async with self.large_at_once if case.size >= LARGE else self.at_once:
            peer = None
            try:
                peer = await connect(self.host, self.port)
                self.ran.append(case)
                await run(peer, self.address, case, how)
                self.passed[section(case)] += 1
            except (Failed, OSError) as why:  # the server may have died
                self.failed[section(case)] += 1
                self.tell(case, how, peer, why)
            finally:
                if peer:
                    peer.close()

    def tell(self, case, how, peer, why):
        come = getattr(case, "come", None) or []
        print(f"FAIL {case.id} {case.title} ({how}): {why}")
        if not peer:
            return
        print(f"     sent         {name_sent(case)}")
        print(f"     came         {name_frames(peer.frames)}; {peer.wrong or peer.ended or 'open'}")
        print(f"     had to come  {name_frames(come)}; {'end' if closes(come) else 'open'}", flush=True)

    async def all(self, chosen):
        await asyncio.gather(*(self.one(case, how) for case in chosen for how in case.feeds))


def section(case):
    name = case.group.split(".")[0]
    return f"{name:>2}"


def numbered(all_cases):
    """Each with an id: its group, and its number there."""
    counts = collections.Counter()
    for case in all_cases:
        counts[case.group] += 1
        case.id = f"{case.group}.{counts[case.group]}"
        yield case


def can_run(case):
    """A server without compression may be offered it, and that is all."""
    return not (PLAIN and case.offer) or isinstance(case, negotiation.Offer)


def tell_numbers():
    cases = list(numbered(autobahn.all_cases()))
    for number in autobahn.numbers(plain=False):
        stand = [one for one in cases if one.stands_for == number]
        print(f"{number:8}", "; ".join(f"{one.id} ({', '.join(map(str, one.feeds))})" for one in stand))
    return 0


def main(address, *prefixes):
    if address == "--numbers":
        return tell_numbers()
    begin = time.monotonic()
    parts = handshake.Maker(address), frames, utf8, closing, large, negotiation, messages, faults, autobahn
    made = numbered(itertools.chain.from_iterable(part.all_cases() for part in parts))
    begins = tuple(f"{prefix}." for prefix in prefixes) or ""
    chosen = [case for case in made if f"{case.id}.".startswith(begins) and can_run(case)]

    async def go():
        run = Run(address)
        await run.all(chosen)
        return run

    run = asyncio.run(go())
    if not prefixes:
        numbers = autobahn.numbers(PLAIN)
        missing = autobahn.missing(numbers, run.ran)
        (run.failed if missing else run.passed)[" A"] += 1
        found = len(numbers) - len(missing)
        print(f"of {len(numbers)} numbers of Autobahn's list, {found} were run", *missing)
    for number in sorted(run.passed | run.failed):
        print(f"section {number}: {run.passed[number]} passed, {run.failed[number]} failed")
    print(f"{len(chosen)} cases, {time.monotonic() - begin:.0f} s")
    print(f"{run.passed.total()} passed, {run.failed.total()} failed")
    return 1 if run.failed or not run.passed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
