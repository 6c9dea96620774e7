#!/usr/bin/python3
"""The measurements: sluice beside its peers, in one run.

    bench.py --build DIR [--quick] [--runs N] [--seconds S] [--only WORK,...] [--peers NAME,...]
             [--also NAME=PROGRAM]

Each server runs on core 0, the client (tests/bench/load) on core 1; the servers take turns, and
each figure is the median of the turns. What counts is CPU: seconds of it, of all the server's
processes, for a million messages (deliveries, handshakes), since a client on the same machine
decides how many there are in a second. Instructions and system calls are counted, see counting.py.
decides how many there are in a second. Instructions and system calls are counted: counting.py. A
serves /ws/echo/ and /ws/chat/ as the others do.
"""
import argparse
import json
import os
import pathlib
import statistics
import sys
import time

import counting
import page
from goals import judge, print_goals
from running import Load, Running
from servers import SERVERS, Missing, Program

# name, what it is, arguments of the client, which path
LOADED = {
    'echo-64-1': ('echo 64 B, 100 connections, 1 in flight',
                  ['echo', '--connections', '100', '--size', '64'], 'echo'),
    'echo-64-16': ('echo 64 B, 100 connections, 16 in flight',
                   ['echo', '--connections', '100', '--size', '64', '--in-flight', '16'], 'echo'),
    'echo-16k': ('echo 16 KiB, 16 connections',
                 ['echo', '--connections', '16', '--size', '16384'], 'echo'),
    'echo-1m': ('echo 1 MiB, 4 connections',
                ['echo', '--connections', '4', '--size', '1048576'], 'echo'),
    'chat-1': ('a room of 1,000, one message at a time',
               ['fanout', '--connections', '1000'], 'chat'),
    'chat-8': ('a room of 1,000, 8 in flight',
               ['fanout', '--connections', '1000', '--in-flight', '8'], 'chat'),
    'chat-5s': ('a room of 1,000, 5 messages a second',
                ['fanout', '--connections', '1000', '--rate', '5'], 'chat'),
    'connect': ('connect, handshake, close',
                ['connect', '--connections', '32'], 'echo'),
}
IDLE = 10000
TITLES = {
    **{work: title for work, (title, *_) in LOADED.items()},
    'idle': f'user memory of an idle connection, {IDLE:,} of them, a request head of 200 bytes',
    **{f'instructions:{work}': f'instructions of user space: {title}'
       for work, (title, *_) in counting.COUNTED.items()},
    **{f'calls:{work}': f'system calls: {counting.COUNTED[work][0]}'
       for work in ('echo-100-1', 'echo-100-16', 'broadcast-1', 'broadcast-1000-8')},
}
MAIN = {'idle': 'bytes', 'instructions': 'instructions', 'calls': 'calls'}
QUICK_PEERS = ['floor', 'sluice', 'bun']
QUICK_WORKS = ['echo-64-1', 'echo-64-16', 'echo-1m', 'chat-1', 'chat-8', 'connect', 'idle',
               'instructions:echo-100-1', 'instructions:echo-100-16',
               'instructions:broadcast-1000-8']


def main_figure(work):
    """What the servers are put in order by."""
    return MAIN.get(work.split(':')[0], 'cpu')


def measure_load(server, work, options):
    _, arguments, kind = LOADED[work]
    with Running(server, options.build) as running:
        with Load(running, options.build, [*arguments, '--seconds', str(options.seconds)],
                  server.paths[kind]) as load:
            before = running.cpu()
            load.go()
            figures = json.loads(load.line())
            after = running.cpu()
            load.expect('through')
    done = figures['done']
    if done == 0:
        raise RuntimeError('nothing was done in the time')
    return {'cpu': (after - before) / done * 1e6, 'rate': done / figures['seconds'],
            'p50': figures['p50'], 'p99': figures['p99'], 'p999': figures['p999']}


def measure_idle(server, options):
    with Running(server, options.build) as running:
        empty = running.memory()
        with Load(running, options.build, ['idle', '--connections', str(IDLE)],
                  server.paths['idle']):
            return {'bytes': (running.memory() - empty) / IDLE}


def measure(server, work, options):
    """One turn: a dict of figures."""
    if work == 'idle':
        return measure_idle(server, options)
    if work in LOADED:
        return measure_load(server, work, options)
    tool, counted = work.split(':')
    count = counting.instructions if tool == 'instructions' else counting.system_calls
    return {tool: count(server, options.build, counted)}


def takes_part(server, work, turn, options):
    """Counts need no third opinion; who is slow has half the turns of others, and one at least."""
    kind = work.split(':')[0]
    if kind in ('instructions', 'calls'):
        counted = counting.COUNTED[work.split(':')[1]]
        return kind in server.counts and counted[2] in server.paths and turn < 2
    path = 'idle' if work == 'idle' else LOADED[work][2]
    return (path in server.paths and (server.works is None or work in server.works) and
            (turn == 0 or not server.slow or turn < options.runs // 2))


def summarize(turns):
    """Medians, and how far the turns lay apart. Counts: the least, as in the gate."""
    if 'instructions' in turns[0]:
        return {'instructions': min(turn['instructions'] for turn in turns)}
    figures = {key: statistics.median(turn[key] for turn in turns) for key in turns[0]}
    if 'cpu' in figures:
        figures['least'] = min(turn['cpu'] for turn in turns)
        figures['most'] = max(turn['cpu'] for turn in turns)
    return figures


def run(options):
    """{work: {server: figures}}; what could not be measured is named on the way."""
    results, missing = {}, set()
    for work in options.only:
        turns = {}
        for turn in range(options.runs):
            for server in options.servers:
                if server.name in missing or not takes_part(server, work, turn, options):
                    continue
                try:
                    turns.setdefault(server.name, []).append(measure(server, work, options))
                except Missing as fault:
                    missing.add(server.name)
                    print(f'{server.name}: left out: {fault}', file=sys.stderr)
                except (RuntimeError, FileNotFoundError) as fault:
                    print(f'{server.name}, {work}: {fault}', file=sys.stderr)
        results[work] = {name: summarize(each) for name, each in turns.items() if each}
        print_work(work, results[work])
    return results


def print_work(work, servers):
    """A table of one work, the cheapest first."""
    key = main_figure(work)
    order = sorted(servers.items(), key=lambda item: item[1][key])
    print(f'\n{TITLES[work]}')
    if key != 'cpu':
        for name, figures in order:
            print(f'  {name:22} {figures[key]:12,.2f}')
        return
    floor = servers.get('floor', {}).get('cpu')
    print(f'  {"":22} {"CPU s a million":>15} {"least..most":>16} {"x floor":>8} {"a second":>12} '
          f'{"p50 us":>10} {"p99 us":>10} {"p99.9 us":>10}')
    for name, f in order:
        ratio = f'{f["cpu"] / floor:8.2f}' if floor else ' ' * 8
        spread = f'{f["least"]:.3g}..{f["most"]:.3g}'
        print(f'  {name:22} {f["cpu"]:15.3f} {spread:>16} {ratio} {f["rate"]:12,.0f} '
              f'{f["p50"]:10,.0f} {f["p99"]:10,.0f} {f["p999"]:10,.0f}')
    sys.stdout.flush()


def works_of(text):
    """Names with commas; "instructions" and "calls" are all of theirs."""
    for name in text.split(','):
        found = [work for work in TITLES if name in (work, work.split(':')[0])]
        if not found:
            raise argparse.ArgumentTypeError(f'"{name}" is none of: {" ".join(TITLES)}')
        yield from found


def servers_of(text):
    for name in text.split(','):
        if name not in SERVERS:
            raise argparse.ArgumentTypeError(f'"{name}" is none of: {" ".join(SERVERS)}')
        yield SERVERS[name]


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--build', required=True, type=lambda text: pathlib.Path(text).resolve(),
                        help='the directory that was built in')
    parser.add_argument('--out', help='where results.json and index.html go')
    parser.add_argument('--quick', action='store_true', help='under a minute, the nearest peers')
    parser.add_argument('--runs', type=int)
    parser.add_argument('--seconds', type=float)
    parser.add_argument('--only', type=lambda text: list(works_of(text)),
                        help='works, with commas: ' + ' '.join(TITLES))
    parser.add_argument('--peers', type=lambda text: list(servers_of(text)),
                        help='servers, with commas: ' + ' '.join(SERVERS))
    parser.add_argument('--also', action='append', default=[], metavar='NAME=PROGRAM',
                        help='a server from elsewhere, which is started with a port')
    options = parser.parse_args()
    options.runs = options.runs or (1 if options.quick else 5)
    options.seconds = options.seconds or (0.5 if options.quick else 3)
    options.only = options.only or (QUICK_WORKS if options.quick else list(TITLES))
    options.servers = options.peers or (
        [SERVERS[name] for name in QUICK_PEERS] if options.quick else list(SERVERS.values()))
    options.servers += [Program(*text.split('=', 1)) for text in options.also]
    return options


def main():
    options = parse()
    out = pathlib.Path(options.out or options.build / 'bench')
    results = run(options)
    goals = judge(results)
    print_goals(goals)
    out.mkdir(parents=True, exist_ok=True)
    document = {'taken': time.strftime('%Y-%m-%d %H:%M'), 'runs': options.runs,
                'seconds': options.seconds, 'kernel': os.uname().release,
                'works': {work: TITLES[work] for work in results},
                'figure': {work: main_figure(work) for work in results},
                'results': results, 'goals': goals}
    (out / 'results.json').write_text(json.dumps(document, indent=1) + '\n', encoding='utf-8')
    (out / 'index.html').write_text(page.render(document), encoding='utf-8')
    print(f'\n{out}/results.json\n{out}/index.html')


if __name__ == '__main__':
    main()
