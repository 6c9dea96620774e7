#!/usr/bin/python3
"""What a server does all day, for a compiler to learn from: `make pgo` runs it with a program that
counts where it goes (gcc -fprofile-generate).

    train.py [--build DIR]

So many messages, and not so many seconds, so that the profile depends little on the machine.
"""
import argparse
import pathlib

from running import Load, Running
from servers import Sluice

# the client's arguments, and which path
LESSONS = [
    (['echo', '--connections', '100', '--messages', '100000'], 'echo'),
    (['echo', '--connections', '100', '--in-flight', '16', '--messages', '400000'], 'echo'),
    (['echo', '--connections', '16', '--size', '16384', '--messages', '20000'], 'echo'),
    (['fanout', '--connections', '200', '--messages', '1000'], 'chat'),
    (['fanout', '--connections', '200', '--in-flight', '8', '--messages', '4000'], 'chat'),
    (['fanout', '--connections', '200', '--in-flight', '8', '--messages', '2000'], 'plain'),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--build', default='.')
    build = pathlib.Path(parser.parse_args().build).resolve()
    server = Sluice('sluice')
    server.cores = None
    with Running(server, build) as running:
        for arguments, kind in LESSONS:
            with Load(running, build, [*arguments, '--seconds', '0'], server.paths[kind]) as load:
                load.go()
                load.line()
                load.expect('through')


if __name__ == '__main__':
    main()
