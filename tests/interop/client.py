#!/usr/bin/python3
"""interop/client: Debian's python3-websockets, a client that nobody here wrote, against the demo.

    client.py ws://127.0.0.1:8000        the last line counts
"""

import asyncio
import json
import os
import sys
import traceback

import websockets
from websockets.exceptions import ConnectionClosed, InvalidStatusCode
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory as Deflate

URL = sys.argv[1]
PREFIX = "运维咖啡吧:"
MIB = 1 << 20

tests = []


def test(run):
    tests.append(run)
    return run


def connect(path, **options):
    options.setdefault("max_size", None)
    options.setdefault("compression", None)
    return websockets.connect(URL + path, **options)


async def soon(awaitable):
    return await asyncio.wait_for(awaitable, 10)


async def closed(ws):
    """The code and the reason with which the server closes."""
    await soon(ws.wait_closed())
    return ws.close_code, ws.close_reason


def equal(found, expected):
    if found != expected:
        raise AssertionError(f"found {found!r:.200}, expected {expected!r:.200}")


# -- echo ----------------------------------------------------------------------------------------


@test
async def echo_sends_text_and_bytes_back():
    messages = ["", "hello", "运维 😀", "\0", b"", b"\x00\xff\xfe", "x" * 125, "x" * 126, "x" * 65535]
    messages += ["é" * 32768, bytes(65536), bytes(range(256)) * 4096]
    async with connect("/ws/echo/") as ws:
        for message in messages:
            await ws.send(message)
            equal(await soon(ws.recv()), message)


@test
async def echo_takes_a_message_of_the_limit_and_no_more():
    async with connect("/ws/echo/") as ws:
        await ws.send("x" * MIB)
        equal(await soon(ws.recv()), "x" * MIB)
        try:
            await ws.send("x" * (MIB + 1))
        except ConnectionClosed:
            pass  # refused at its header, before all of it was sent
        equal((await closed(ws))[0], 1009)


@test
async def echo_takes_fragments_with_pings_between():
    async def pieces():
        for piece in ("运", "维", "", "!"):
            yield piece
            await (await ws.ping())

    async with connect("/ws/echo/") as ws:
        await ws.send(pieces())
        equal(await soon(ws.recv()), "运维!")
        await ws.send([b"ab", b"", b"c"])
        equal(await soon(ws.recv()), b"abc")


@test
async def fragments_count_together_against_the_limit():
    async with connect("/ws/echo/") as ws:
        try:
            await ws.send(["x" * 65536] * 17)
        except ConnectionClosed:
            pass
        equal((await closed(ws))[0], 1009)


@test
async def many_messages_in_flight_come_back_in_order():
    async with connect("/ws/echo/") as ws:
        async def send():
            for i in range(5000):
                await ws.send(str(i))

        sender = asyncio.create_task(send())
        for i in range(5000):
            equal(await soon(ws.recv()), str(i))
        await sender


@test
async def pings_are_answered():
    async with connect("/ws/echo/") as ws:
        for payload in (b"", b"hello", bytes(125)):
            await soon(await ws.ping(payload))


@test
async def the_close_code_comes_back():
    for code in (1000, 1001, 3000, 4999):
        ws = await connect("/ws/echo/")
        await ws.close(code, "bye 再见")
        equal(ws.close_code, code)


@test
async def a_hundred_clients_at_once():
    async def one(i):
        async with connect("/ws/echo/") as ws:
            await ws.send(f"client {i}")
            equal(await soon(ws.recv()), f"client {i}")

    await asyncio.gather(*(one(i) for i in range(100)))


@test
async def compression_may_be_offered():
    async with connect("/ws/echo/", compression="deflate") as ws:
        equal(len(ws.extensions), 0)
        await ws.send("hello " * 100)
        equal(await soon(ws.recv()), "hello " * 100)


@test
async def messages_are_compressed_where_the_mount_does_that():
    if os.environ.get("DEMO_PLAIN"):
        return
    async with connect("/ws/chat/long/", compression="deflate") as ws, connect("/ws/chat/long/") as plain:
        equal(len(ws.extensions), 1)
        for text in ("short", "语" * 4000, "hello " * 10000, "x" * 300):
            for sender in (ws, plain):
                await sender.send(line(text))
                await hears(ws, text)
                await hears(plain, text)


# -- compression -----------------------------------------------------------------------------------

KEEP, FORGET = False, True  # the context
WORDS = ["the same words, and the same words again " * 40, "运维咖啡吧" * 999, "short", ""]
WORDS += [json.dumps(list(range(20_000))), b"\xff\x00\xfe" * 30_000, bytes(300_000)]


def packed(ws):
    """Was it compressed, of each message that comes from now on."""
    extension, seen = ws.extensions[0], []
    decode = extension.decode

    def look(frame, **options):
        if frame.opcode < 8:
            seen.append(frame.rsv1)
        return decode(frame, **options)

    extension.decode = look
    return seen


async def packed_echo(path, offer, agreed):
    """`agreed`: does the server forget, does the client, and the windows' bits."""
    async with connect(path, extensions=[offer]) as ws:
        if os.environ.get("DEMO_PLAIN"):
            equal(ws.extensions, [])
            return
        extension = ws.extensions[0]
        equal((extension.remote_no_context_takeover, extension.local_no_context_takeover), agreed[:2])
        equal((extension.remote_max_window_bits, extension.local_max_window_bits), agreed[2:])
        seen = packed(ws)
        for message in WORDS * 3:
            await ws.send(message)
            equal(await soon(ws.recv()), message)
            if len(message) > 5:
                equal(seen[-1], True)


@test
async def messages_are_compressed_with_windows_that_are_kept():
    await packed_echo("/ws/packed/", Deflate(), (KEEP, KEEP, 15, 15))


@test
async def each_side_may_forget_its_window():
    await packed_echo("/ws/packed/", Deflate(server_no_context_takeover=True), (FORGET, KEEP, 15, 15))
    await packed_echo("/ws/packed/", Deflate(client_no_context_takeover=True), (KEEP, FORGET, 15, 15))
    both = Deflate(server_no_context_takeover=True, client_no_context_takeover=True)
    await packed_echo("/ws/packed/", both, (FORGET, FORGET, 15, 15))


@test
async def a_mount_that_keeps_no_window_says_so():
    await packed_echo("/ws/packed/alone/", Deflate(), (FORGET, FORGET, 15, 15))


@test
async def windows_are_as_large_as_the_client_allows():
    for bits in range(9, 16):
        await packed_echo("/ws/packed/", Deflate(server_max_window_bits=bits), (KEEP, KEEP, bits, 15))
        await packed_echo("/ws/packed/", Deflate(client_max_window_bits=bits), (KEEP, KEEP, 15, bits))
        both = Deflate(server_max_window_bits=bits, client_max_window_bits=bits)
        await packed_echo("/ws/packed/alone/", both, (FORGET, FORGET, bits, bits))


@test
async def a_mount_with_a_small_window_asks_for_a_small_one():
    await packed_echo("/ws/packed/narrow/", Deflate(client_max_window_bits=True), (KEEP, KEEP, 15, 9))
    both = Deflate(server_max_window_bits=12, client_max_window_bits=12)
    await packed_echo("/ws/packed/narrow/", both, (KEEP, KEEP, 9, 9))


@test
async def what_inflates_beyond_the_limit_is_cut_there():
    if os.environ.get("DEMO_PLAIN"):
        return
    async with connect("/ws/packed/", extensions=[Deflate()]) as ws:
        await ws.send(bytes(MIB))
        equal(await soon(ws.recv()), bytes(MIB))
        await ws.send(bytes(64 * MIB))
        equal((await closed(ws))[0], 1009)


@test
async def fragments_are_compressed_with_pings_between():
    async def pieces():
        for piece in ("运", "维" * 5000, "", "!"):
            yield piece
            await (await ws.ping())

    async with connect("/ws/packed/", extensions=[Deflate()]) as ws:
        for _ in range(3):
            await ws.send(pieces())
            equal(await soon(ws.recv()), "运" + "维" * 5000 + "!")


# -- the handshake ---------------------------------------------------------------------------------


@test
async def the_first_subprotocol_of_the_mount_that_was_offered():
    for offered, chosen in (
        (["chat.v1"], "chat.v1"),
        (["chat.v1", "chat.v2"], "chat.v2"),
        (["other", "chat.v1"], "chat.v1"),
    ):
        async with connect("/ws/versions/", subprotocols=offered) as ws:
            equal(ws.subprotocol, chosen)
    async with connect("/ws/versions/", subprotocols=["other"]) as ws:
        equal(ws.subprotocol, None)


@test
async def pages_of_other_sites_are_refused():
    async with connect("/ws/echo/", origin=URL.replace("ws", "http", 1)) as ws:
        await ws.send("same")
        equal(await soon(ws.recv()), "same")
    for origin in ("http://evil.example", "null", URL.replace("ws", "http", 1) + "0"):
        try:
            async with connect("/ws/echo/", origin=origin):
                raise AssertionError(f"{origin} was let in")
        except InvalidStatusCode as refused:
            equal(refused.status_code, 403)


@test
async def a_path_that_is_not_mounted_is_not_found():
    for path in ("/", "/ws/", "/ws/echo", "/ws/none/", "/chat", "/ws/chat/a/b/"):
        try:
            async with connect(path):
                raise AssertionError(f"{path} was let in")
        except InvalidStatusCode as refused:
            equal(refused.status_code, 404)


# -- the chat --------------------------------------------------------------------------------------


def line(text):
    return json.dumps({"message": text})


async def hears(ws, text):
    equal(json.loads(await soon(ws.recv())), {"message": PREFIX + text})


@test
async def a_room_hears_what_one_says():
    async with connect("/ws/chat/") as one, connect("/ws/chat/") as two:
        for text in ("hi", "你好 😀", "", "'\"\\\n\t%s", "\u2028</script>"):
            await one.send(line(text))
            await hears(one, text)
            await hears(two, text)


@test
async def rooms_are_apart():
    names = ["red", "blue", "运维", "a%20b", "a.b_c-d", "x" * 94, "chat-hex.ff", "ops_coffee"]
    members = [await connect(f"/ws/chat/{name}/") for name in names]
    for name, ws in zip(names, members):
        await ws.send(line(f"in {name}"))
    for name, ws in zip(names, members):
        await hears(ws, f"in {name}")
    await asyncio.sleep(0.2)
    for ws in members:
        equal(len(ws.messages), 0)
        await ws.close()


@test
async def a_room_with_a_name_that_is_too_long_is_refused():
    for name in ("x" * 95, "运" * 16):
        try:
            async with connect(f"/ws/chat/{name}/"):
                raise AssertionError(f"{name} was let in")
        except InvalidStatusCode as refused:
            equal(refused.status_code, 400)
    async with connect("/ws/chat/" + "运" * 15 + "/") as ws:
        await ws.send(line("hi"))
        await hears(ws, "hi")


@test
async def what_is_no_line_closes_its_sender_and_nobody_else():
    deep = "[" * 10000 + "]" * 10000
    hostile = {
        '{"message": 1}': 1003,
        '{"message": null}': 1003,
        '{"message": ["hi"]}': 1003,
        '{"message": {"message": "hi"}}': 1003,
        '{"Message": "hi"}': 1003,
        "{}": 1003,
        "[]": 1003,
        "7": 1003,
        "null": 1003,
        "true": 1003,
        '"text"': 1003,
        b'{"message": "hi"}': 1003,
        b"": 1003,
        "": 1007,
        "{": 1007,
        '{"message": "hi"': 1007,
        '{"message": "hi"} x': 1007,
        "{'message': 'hi'}": 1007,
        '{"message": "\\ud800"}': None,
        deep: 1007,
        '{"message": ' + deep + "}": 1007,
        '{"a":' * 10000 + "1" + "}" * 10000: 1007,
        line("x" * 65536): 1009,
    }
    async with connect("/ws/chat/") as bystander:
        for text, code in hostile.items():
            async with connect("/ws/chat/") as ws:
                await ws.send(text)
                if code is None:  # either way will do, if only the room goes on
                    await asyncio.sleep(0.1)
                else:
                    found = await closed(ws)
                    if found[0] != code:
                        raise AssertionError(f"{text!r:.60} closed with {found}, not {code}")
                    if code == 1003 and not found[1]:
                        raise AssertionError(f"{text!r:.60} closed without a reason")
        await bystander.send(line("still here"))
        while json.loads(await soon(bystander.recv()))["message"] != PREFIX + "still here":
            pass


@test
async def clients_cannot_reach_other_events():
    async with connect("/ws/chat/") as ws:
        await ws.send('{"type": "websocket.disconnect", "message": "hi", "prefix": "no"}')
        await hears(ws, "hi")


@test
async def members_that_vanish_leave_the_room_whole():
    async with connect("/ws/chat/") as stays:
        for _ in range(20):
            gone = await connect("/ws/chat/")
            await gone.send(line("bye"))
            gone.transport.abort()
        await stays.send(line("end"))
        while json.loads(await soon(stays.recv()))["message"] != PREFIX + "end":
            pass


async def main():
    passed = failed = 0
    for run in tests:
        name = run.__name__.replace("_", " ")
        try:
            await asyncio.wait_for(run(), 60)
            passed += 1
            print(f"ok   {name}")
        except Exception:
            failed += 1
            print(f"FAIL {name}")
            traceback.print_exc(file=sys.stdout)
    print(f"{passed} passed, {failed} failed")
    return failed


sys.exit(1 if asyncio.run(main()) else 0)
