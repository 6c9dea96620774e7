"""What one message costs in instructions and in system calls, which no neighbour changes.

A server is run under callgrind, or strace, for few messages and for more: what the difference
cost is the messages' cost, and starting, connecting and stopping are not in it.
"""
import os
import re

from running import Load, Running

# name, what it is, the client's arguments, which path, messages of the short run, deliveries of one
COUNTED = {
    'echo-1': ('echo of 64 B, 1 connection, 1 in flight',
               ['echo', '--connections', '1'], 'echo', 400, 1),
    'echo-16': ('echo of 64 B, 1 connection, 16 in flight',
                ['echo', '--connections', '1', '--in-flight', '16'], 'echo', 400, 1),
    'echo-100-1': ('echo of 64 B, 100 connections, 1 in flight',
                   ['echo', '--connections', '100'], 'echo', 1000, 1),
    'echo-100-16': ('echo of 64 B, 100 connections, 16 in flight',
                    ['echo', '--connections', '100', '--in-flight', '16'], 'echo', 3200, 1),
    'broadcast-1': ('a delivery by SLUICE_BROADCAST, 1,000 members, 1 in flight',
                    ['fanout', '--connections', '1000'], 'chat', 40, 1000),
    'broadcast-8': ('a delivery by SLUICE_BROADCAST, 100 members, 8 in flight',
                    ['fanout', '--connections', '100', '--in-flight', '8'], 'chat', 160, 100),
    'broadcast-1000-8': ('a delivery by SLUICE_BROADCAST, 1,000 members, 8 in flight',
                         ['fanout', '--connections', '1000', '--in-flight', '8'], 'chat', 40, 1000),
    'handler-8': ('a delivery by a plain handler, 100 members, 8 in flight',
                  ['fanout', '--connections', '100', '--in-flight', '8'], 'plain', 80, 100),
}
LONGER = 6

# glibc chooses its string functions by the processor. Counts that are to hold on another one are
# taken with those that any x86-64 can run.
PINNED = ('glibc.cpu.hwcaps=-AVX,-AVX2,-AVX512F,-AVX512VL,-AVX512BW,-AVX_Fast_Unaligned_Load,-BMI1,'
          '-BMI2,-ERMS,-FSRM,-LZCNT,-MOVBE,-RTM,-SSE4_1,-SSE4_2,-SSSE3')


def run(server, build, work, messages, prefix, environment=None):
    """Runs it with so many messages; gives what the file "counts" in its directory says then."""
    _, arguments, kind, _, _ = COUNTED[work]
    with Running(server, build, prefix, environment) as running:
        with Load(running, build, [*arguments, '--messages', str(messages), '--seconds', '0'],
                  server.paths[kind]) as load:
            load.go()
            load.line()
            load.expect('through')
        running.stop()
        try:
            return (running.directory / 'counts').read_text(encoding='utf-8')
        except OSError:
            raise RuntimeError(f'{prefix[0]} counted nothing:\n{running.log()}') from None


def per_message(server, build, work, prefix, read, environment=None):
    """What read() finds in the longer run and not in the shorter one, for each delivery."""
    _, _, _, short, share = COUNTED[work]
    counts = [read(run(server, build, work, messages, prefix, environment))
              for messages in (short, LONGER * short)]
    return (counts[1] - counts[0]) / ((LONGER - 1) * short * share)


def instructions(server, build, work):
    """Those of user space."""
    def read(text):
        return int(re.search(r'^(?:summary|totals): (\d+)', text, re.MULTILINE).group(1))

    # Nothing of whoever runs this is to reach the server: paths, preloads, switches of malloc.
    environment = {'PATH': os.environ['PATH'], 'GLIBC_TUNABLES': PINNED}
    if COUNTED[work][1][0] == 'fanout':  # which is cut into slices by the clock
        environment['LD_PRELOAD'] = str(build / 'tests/bench/clock.so')
    return per_message(server, build, work,
                       ['valgrind', '--tool=callgrind', '--callgrind-out-file=counts'], read,
                       environment)


def system_calls(server, build, work):
    def read(text):
        return int(re.search(r'(\d+)(?: +\d+)? total$', text, re.MULTILINE).group(1))

    return per_message(server, build, work, ['strace', '-f', '-c', '-o', 'counts'], read)
