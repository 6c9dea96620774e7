#!/usr/bin/python3
"""The measurements: sluice beside its peers, in one run.

    bench.py --build DIR [--quick] [--runs N] [--seconds S] [--only WORK,...] [--peers NAME,...]

Each server runs on core 0, the client (tests/bench/load) on core 1; the servers take turns, and
each figure is the median of the turns. What counts is CPU: seconds of it, of all the server's
processes, for a million messages (deliveries, handshakes), since a client on the same machine
decides how many there are in a second. A peer that isn't installed is named and left out.
"""
import argparse
import json
import pathlib
import statistics
import sys
import time

import page
from running import Load, Running
from servers import SERVERS, Missing

# name, what it is, arguments of the client, which path, what one is called
WORKS = {
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
    'idle': ('memory of an idle connection, 10,000 of them',
             ['idle', '--connections', '10000'], 'idle'),
}
QUICK_PEERS = ['floor', 'sluice', 'ws']


def measure(server, work, build, seconds):
    """One turn: a dict of figures."""
    _, arguments, kind = WORKS[work]
    with Running(server, build) as running:
        empty = running.memory()
        with Load(running, build, [*arguments, '--seconds', str(seconds)],
                  server.paths[kind]) as load:
            before, full = running.cpu(), running.memory()
            load.go()
            figures = json.loads(load.line())
            after = running.cpu()
            if work != 'idle':
                load.expect('through')
    if work == 'idle':
        return {'bytes': (full - empty) / int(arguments[arguments.index('--connections') + 1])}
    done = figures['done']
    if done == 0:
        raise RuntimeError('nothing was done in the time')
    return {'cpu': (after - before) / done * 1e6, 'rate': done / figures['seconds'],
            'p50': figures['p50'], 'p99': figures['p99'], 'p999': figures['p999']}


def medians(turns):
    return {key: statistics.median(turn[key] for turn in turns) for key in turns[0]}


def run(options, build):
    """{work: {server: medians}}; what could not be measured is named on the way."""
    results, missing = {}, set()
    for work in options.only:
        turns = {}
        for _ in range(options.runs):
            for server in options.servers:
                if server.name in missing or WORKS[work][2] not in server.paths:
                    continue
                if server.slow and work in ('echo-1m', 'idle') and not options.all:
                    continue
                try:
                    turns.setdefault(server.name, []).append(
                        measure(server, work, build, options.seconds))
                except Missing as fault:
                    missing.add(server.name)
                    print(f'{server.name}: left out: {fault}', file=sys.stderr)
                except RuntimeError as fault:
                    print(f'{server.name}, {work}: {fault}', file=sys.stderr)
        results[work] = {name: medians(each) for name, each in turns.items() if each}
        print_work(work, results[work])
    return results


def print_work(work, servers):
    """A table of one work, the cheapest first."""
    print(f'\n{WORKS[work][0]}')
    if work == 'idle':
        for name, figures in sorted(servers.items(), key=lambda item: item[1]['bytes']):
            print(f'  {name:22} {figures["bytes"]:10,.0f} B')
        return
    floor = servers.get('floor', {}).get('cpu')
    print(f'  {"":22} {"CPU s a million":>15} {"x floor":>8} {"a second":>12} '
          f'{"p50 us":>10} {"p99 us":>10} {"p99.9 us":>10}')
    for name, f in sorted(servers.items(), key=lambda item: item[1]['cpu']):
        ratio = f'{f["cpu"] / floor:8.2f}' if floor else ' ' * 8
        print(f'  {name:22} {f["cpu"]:15.3f} {ratio} {f["rate"]:12,.0f} {f["p50"]:10,.0f} '
              f'{f["p99"]:10,.0f} {f["p999"]:10,.0f}')
    sys.stdout.flush()


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--build', required=True, help='the directory that was built in')
    parser.add_argument('--out', help='where results.json and index.html go')
    parser.add_argument('--quick', action='store_true', help='under a minute, the nearest peers')
    parser.add_argument('--all', action='store_true', help='slow peers at their slowest works too')
    parser.add_argument('--runs', type=int)
    parser.add_argument('--seconds', type=float)
    parser.add_argument('--only', help='works, with commas: ' + ' '.join(WORKS))
    parser.add_argument('--peers', help='servers, with commas: ' + ' '.join(SERVERS))
    options = parser.parse_args()
    options.runs = options.runs or (1 if options.quick else 5)
    options.seconds = options.seconds or (1 if options.quick else 3)
    names = options.peers.split(',') if options.peers else (
        QUICK_PEERS if options.quick else list(SERVERS))
    options.only = options.only.split(',') if options.only else list(WORKS)
    for name, known in [(n, SERVERS) for n in names] + [(n, WORKS) for n in options.only]:
        if name not in known:
            parser.error(f'"{name}" is none of: {" ".join(known)}')
    options.servers = [SERVERS[name] for name in names]
    return options


def main():
    options = parse()
    build = pathlib.Path(options.build).resolve()
    out = pathlib.Path(options.out or build / 'bench')
    results = run(options, build)
    out.mkdir(parents=True, exist_ok=True)
    document = {'taken': time.strftime('%Y-%m-%d %H:%M'), 'runs': options.runs,
                'seconds': options.seconds, 'works': {w: WORKS[w][0] for w in results},
                'results': results}
    (out / 'results.json').write_text(json.dumps(document, indent=1) + '\n')
    (out / 'index.html').write_text(page.render(document))
    print(f'\n{out}/results.json\n{out}/index.html')


if __name__ == '__main__':
    main()
