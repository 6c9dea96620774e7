#!/usr/bin/python3
"""What a message costs in instructions, which no neighbour on the machine changes.

    instructions.py --build DIR [--record]

callgrind counts what the server runs, user space only, for a short run and for a longer one; the
difference is what the messages cost. Each figure is compared with the record beside this file:
5 % more is a failure, until the record is changed (--record) in the same commit, where everybody
sees it. Counts hold for one compiler: for another one, the record says nothing and it is said so.
"""
import argparse
import json
import pathlib
import platform
import subprocess
import sys
import tempfile

from bench import await_port, free_port

HERE = pathlib.Path(__file__).resolve().parent
RECORD = HERE / 'instructions.json'
MORE = 1.05
SHORT, LONG = 400, 2400

# name, what it is, the client's arguments, path, what one message is divided by
WORKS = {
    'echo-1': ('echo of 64 B, 1 in flight', ['echo', '--connections', '1'], '/echo/', 1),
    'echo-16': ('echo of 64 B, 16 in flight',
                ['echo', '--connections', '1', '--in-flight', '16'], '/echo/', 1),
    'broadcast-8': ('a delivery by SLUICE_BROADCAST, 100 members, 8 in flight',
                    ['fanout', '--connections', '100', '--in-flight', '8'], '/chat/', 100),
    'handler-8': ('a delivery by a plain handler, 100 members, 8 in flight',
                  ['fanout', '--connections', '100', '--in-flight', '8'], '/plain/', 100),
}


def compiler(build):
    """The compiler and flags that built it, in a line."""
    makefile = (build / 'Makefile').read_text().splitlines()
    names = ('CC', 'CFLAGS', 'SLUICE_LTO_CFLAGS')
    values = dict(line.split(' = ', 1) for line in makefile if line.split(' = ', 1)[0] in names)
    version = subprocess.run(values['CC'].split()[:1] + ['-dumpfullversion'], capture_output=True,
                             text=True, check=True).stdout.strip()
    flags = f'{values["CFLAGS"]} {values.get("SLUICE_LTO_CFLAGS", "")}'.strip()
    return f'{values["CC"]} {version} {flags} {platform.machine()}'


def count(build, work, messages):
    """Instructions of a whole run of the server with so many messages."""
    _, arguments, path, _ = WORKS[work]
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        port = free_port()
        (directory / 'routing.conf').write_text(
            f'listen 127.0.0.1:{port}\nloops 1\npool threads=1\ncache {directory}\n'
            f'ws /echo/ {build}/consumers/echo.so\nws /chat/ {build}/consumers/chat.so\n'
            f'ws /plain/ {build}/tests/bench/plain.so\n')
        server = subprocess.Popen(
            ['valgrind', '--tool=callgrind', f'--callgrind-out-file={directory}/out',
             str(build / 'sluice'), 'run', '-c', 'routing.conf'], cwd=directory,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            await_port(port, server, 60)
            load = subprocess.Popen(
                [str(build / 'tests/bench/load'), *arguments, '--port', str(port), '--path', path,
                 '--messages', str(messages), '--seconds', '0'],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            said = talk(load)
            if said != ['ready', 'through']:
                raise RuntimeError(f'the client ended with {load.returncode}')
        finally:
            server.terminate()
            log = server.communicate()[1]
        for line in (directory / 'out').read_text().splitlines():
            if line.startswith(('summary:', 'totals:')):
                return int(line.split()[1])
        raise RuntimeError(f'callgrind counted nothing:\n{log[-2000:]}')


def talk(load):
    """Lets the client do its work; gives what it said but for the figures."""
    said = [load.stdout.readline().strip()]
    load.stdin.write('go\n')
    load.stdin.flush()
    load.stdout.readline()
    said.append(load.stdout.readline().strip())
    load.stdin.close()
    load.wait()
    return said


def measure(build):
    figures = {}
    for work, (_, _, _, share) in WORKS.items():
        scale = 4 if share > 1 else 1
        short, long = SHORT // scale, LONG // scale
        cost = (count(build, work, long) - count(build, work, short)) / (long - short) / share
        figures[work] = round(cost)
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--build', required=True)
    parser.add_argument('--record', action='store_true', help='what is measured now is the record')
    options = parser.parse_args()
    build = pathlib.Path(options.build).resolve()
    figures, tool = measure(build), compiler(build)
    if options.record:
        RECORD.write_text(json.dumps({'compiler': tool, 'instructions': figures}, indent=2) + '\n')
    record = json.loads(RECORD.read_text())
    failed = 0
    for work, figure in figures.items():
        known = record['instructions'].get(work)
        comparable = record['compiler'] == tool
        worse = comparable and (known is None or figure > known * MORE)
        failed += worse
        print(f'{"FAIL" if worse else "ok  "}  {WORKS[work][0]}: {figure} instructions, '
              f'{known} on record')
    if record['compiler'] != tool:
        print(f'the record is of another compiler: {record["compiler"]}; this is {tool}')
    print(f'{len(figures) - failed} passed, {failed} failed')
    sys.exit(failed > 0)


if __name__ == '__main__':
    main()
