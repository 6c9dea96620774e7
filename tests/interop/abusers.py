"""interop/abusers: clients as nobody wants them, against a server that runs.

    abusers.py PORT PID         each kind for some seconds; says what it found
    abusers.py PORT PID load    all that comes to mind, until the server is gone
"""

import os
import random
import re
import signal
import socket
import struct
import sys
import threading
import time

PORT, PID = int(sys.argv[1]), int(sys.argv[2])
MOUNTS = ["/servant/", "/blocking/"]
passed = failed = 0


def check(name, ok, found=""):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    print("ok   " + name if ok else f"FAIL {name}: {found}", flush=True)


# ---- A client ----------------------------------------------------------------------------------


def dial(narrow=False):
    line = socket.socket()
    line.settimeout(20)
    if narrow:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    line.connect(("127.0.0.1", PORT))
    return line


def handshake(path):
    return (
        f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()


def frame(opcode, data, fin=True):
    size = len(data)
    head = bytes([(0x80 if fin else 0) | opcode])
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 65536:
        head += b"\xfe" + struct.pack(">H", size)
    else:
        head += b"\xff" + struct.pack(">Q", size)
    return head + b"\0\0\0\0" + data


def text(words):
    return frame(1, words.encode())


def open_at(path, narrow=False):
    line = dial(narrow)
    line.sendall(handshake(path))
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = line.recv(1)
        if not byte:
            raise OSError("no answer")
        head += byte
    return line


def reset(line):
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.close()


def read_all(line):
    data = b""
    try:
        while part := line.recv(1 << 20):
            data += part
    except OSError:
        pass
    return data


def seconds_of_an_echo():
    """For one who behaves, from the handshake on."""
    began = time.monotonic()
    line = open_at("/servant/")
    line.sendall(text("echo"))
    data = b""
    while len(data) < 12:
        part = line.recv(100)
        if not part:
            raise OSError("no echo")
        data += part
    reset(line)
    return time.monotonic() - began


# ---- The server, from outside ------------------------------------------------------------------


def descriptors():
    return len(os.listdir(f"/proc/{PID}/fd"))


def megabytes():
    with open(f"/proc/{PID}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) // 1024


def is_there():
    try:
        return seconds_of_an_echo() < 5
    except OSError:
        return False


def settles(before, patience=10):
    deadline = time.monotonic() + patience
    while descriptors() > before + 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    return descriptors() <= before + 2


# ---- What they do ------------------------------------------------------------------------------

WORDS = (
    "join g,leave g,tell g 5 100,show g 5 100,tell g 1 20000,show g 1 100000,hop g 3,timers 5 20,"
    "jobs 2 10,nap 2,pour 20 20000,echo,close"
).split(",")


def misbehave(chance):
    """One connection, from its beginning to a bad end."""
    path = chance.choice(MOUNTS) + chance.choice(["", "", "", "?answer=never", "?answer=later"])
    request = handshake(path)
    line = dial()
    end = chance.choice([reset, reset, reset, socket.socket.close])
    try:
        line.setblocking(False)
        if chance.random() < 0.1:
            line.send(request[: chance.randrange(len(request))])
            return
        line.send(request)
        for _ in range(chance.randrange(15)):
            line.send(text(chance.choice(WORDS)))
        if chance.random() < 0.3:
            line.send(frame(2, b"x" * 100000)[: chance.randrange(100000)])
        if chance.random() < 0.2:
            line.send(frame(8, b"\x03\xe8"))
        if chance.random() < 0.2:
            line.shutdown(socket.SHUT_WR)
        time.sleep(chance.choice([0, 0.001, 0.02, 0.2]) * chance.random())
    except OSError:
        pass
    finally:
        end(line)


def crowd(seconds, many=8):
    """Threads that misbehave, each by its own dice."""
    deadline = time.monotonic() + seconds

    def one(seed):
        chance = random.Random(seed)
        while time.monotonic() < deadline:
            try:
                misbehave(chance)
            except OSError:
                if not os.path.exists(f"/proc/{PID}/fd"):
                    return

    threads = [threading.Thread(target=one, args=(seed,)) for seed in range(many)]
    for thread in threads:
        thread.start()
    return threads


def storm(reloads):
    before = descriptors()
    threads = crowd(6)
    while any(thread.is_alive() for thread in threads):
        if reloads:
            os.kill(PID, signal.SIGHUP)
        time.sleep(0.1)
    name = "resets at every moment" + (", and reloads" if reloads else "")
    check(name, is_there())
    check(name + ": nothing is left", settles(before), f"{descriptors()} descriptors")


def slow_heads():
    before = descriptors()
    lines = [dial() for _ in range(400)]
    for byte in b"GET /x":
        for line in lines:
            line.send(bytes([byte]))
    check("heads a byte at a time", is_there())
    answers = [read_all(line)[:12] for line in lines]
    check("each gets 408", set(answers) == {b"HTTP/1.1 408"}, set(answers))
    for line in lines:
        line.close()
    check("heads a byte at a time: nothing is left", settles(before), descriptors())


def pipeline():
    one = b"HEAD /file/large HTTP/1.1\r\nHost: x\r\n\r\n"
    line = dial()
    sender = threading.Thread(target=lambda: (line.sendall(one * 5000), line.shutdown(1)))
    sender.start()
    answers = read_all(line).count(b"HTTP/1.1 200")
    sender.join()
    check("5000 requests at once", answers == 5000, answers)


def pipeline_without_end():
    before = megabytes()
    line = dial()
    reader = threading.Thread(target=read_all, args=(line,))
    reader.start()
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        line.sendall(b"HEAD /file/large HTTP/1.1\r\nHost: x\r\n\r\n" * 1000)
    more = megabytes() - before
    line.shutdown(socket.SHUT_RDWR)
    reader.join()
    line.close()
    # A sanitizer keeps up to 256 MB of what was freed.
    check("requests without end", is_there() and more < 320, f"{more} MB more")


def downloads():
    before = descriptors()
    lines = [dial(narrow=True) for _ in range(40)]
    for index, line in enumerate(lines):
        line.sendall(b"GET /file/large HTTP/1.1\r\nHost: x\r\n\r\n")
        line.recv(1000)
        if index % 2:
            reset(line)
    check("downloads that stop", is_there())
    check("downloads that stop: nothing is left", settles(before), descriptors())
    for line in lines[::2]:
        line.close()


def flood():
    before, worst = megabytes(), 0
    members = [open_at(MOUNTS[i % 5 == 0], narrow=True) for i in range(40)]
    for line in members:
        line.sendall(text("join g"))
    source = open_at("/servant/")
    for what in ["tell g 200 50", "show g 50 20000", "tell g 20 100000", "show g 5 1000000"] * 3:
        source.sendall(text(what))
        worst = max(worst, seconds_of_an_echo())
    more = megabytes() - before
    for line in [*members, source]:
        reset(line)
    check("members that never read: others are served", worst < 5, f"{worst} s")
    check("members that never read: memory", more < 320, f"{more} MB more")


def pings():
    line = open_at("/servant/", narrow=True)
    line.settimeout(2)
    try:
        for _ in range(3000):
            line.sendall(frame(9, b"p" * 125) * 500)
    except OSError:
        pass
    reset(line)
    check("pings whose pongs nobody reads", is_there() and megabytes() < 700, f"{megabytes()} MB")


def lengths():
    for size, code in [(1 << 63, 1002), ((1 << 64) - 1, 1002), ((1 << 63) - 1, 1009)]:
        line = open_at("/servant/")
        line.sendall(b"\x82\xff" + struct.pack(">Q", size) + b"\0\0\0\0")
        line.shutdown(socket.SHUT_WR)
        found = read_all(line)[2:4]
        check(f"a frame of {size} bytes", found == struct.pack(">H", code), found)
        line.close()


def early_frames():
    line = dial()
    line.sendall(handshake("/servant/?answer=later") + b"".join(text(f"n{i}") for i in range(200)))
    line.settimeout(2)
    found = re.findall(rb"n\d+", read_all(line))
    sent = [b"n%d" % (i // 2) for i in range(400)]
    check("frames before the answer come in order", found == sent, found[:20])
    line.close()


def main():
    if sys.argv[3:] == ["load"]:
        for thread in crowd(60):
            thread.join()
        return
    for attack in [lengths, early_frames, pipeline, downloads, slow_heads, flood, pings]:
        attack()
    pipeline_without_end()
    storm(reloads=False)
    storm(reloads=True)
    print(f"{passed} passed, {failed} failed")


main()
