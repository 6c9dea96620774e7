#!/usr/bin/python3
"""The gate: what a message costs in instructions must not grow by more than 5 %.

    instructions.py [--build DIR] [--record]

Each figure is compared with the record beside this file. Who makes one grow for a reason changes
the record in the same commit (--record), where everybody sees it. A record holds for one version of
gcc and of the libraries that run beside ours, and for one kind of machine; elsewhere there is more
room, and it is said why. Builds that nobody would measure (sanitizers, coverage, another -O), or
that are clang's, are not compared at all: status 77, which make check calls a skip.
"""
import argparse
import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys

from counting import COUNTED, instructions
from servers import Sluice

RECORD = pathlib.Path(__file__).resolve().parent / 'instructions.json'
GROWTH, GROWTH_ELSEWHERE = 1.05, 1.30
TRIES = 3
SKIP = 77
LIBRARIES = ['libevent_core', 'json-c']


def variables(build):
    """Those of the Makefile that was configured."""
    lines = (build / 'Makefile').read_text(encoding='utf-8').splitlines()
    return dict(line.split(' = ', 1) for line in lines if ' = ' in line)


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def flags_of(values):
    """What changes the code that is made: neither -g nor warnings do."""
    flags = f'{values["CFLAGS"]} {values.get("SLUICE_LTO_CFLAGS", "")}'.split()
    return sorted(f for f in flags if not f.startswith(('-g', '-W')) and f != '-pipe')


def compiler_of(values):
    """Whatever name it is called by, and not with the marks of a distribution."""
    text = output_of(*values['CC'].split(), '--version')
    name = 'clang' if 'clang' in text else 'gcc' if 'Free Software' in text else values['CC']
    return f'{name} {re.search(r"[0-9]+([.][0-9]+)+", text).group()}'


def circumstances(values):
    """What a count depends on, beside the source."""
    found = {'compiler': compiler_of(values),
             'flags': ' '.join(values['CC'].split()[1:] + flags_of(values)),
             'machine': platform.machine(),
             'glibc': platform.libc_ver()[1]}
    for name in LIBRARIES:
        found[name] = output_of('pkg-config', '--modversion', name)
    return found


def why_not(values):
    """Why counts of this build say nothing; "" where they do."""
    if values.get('SANITIZE', '').strip():
        return f'it is built with {values["SANITIZE"].strip()}'
    if '--coverage' in values.get('SLUICE_CFLAGS', ''):
        return 'it is built to count lines (--enable-coverage)'
    if not compiler_of(values).startswith('gcc '):
        return f'it is built with {compiler_of(values)}, and the record with gcc'
    levels = [flag for flag in flags_of(values) if flag.startswith('-O')]
    if levels != ['-O2']:
        return f'it is built with {" ".join(levels) or "no -O at all"}, and the record with -O2'
    return ''


def count(build, work):
    return round(instructions(Sluice('sluice'), build, work))


def least(build, work, most):
    """Batches of a busy machine may be cut in two, which costs a little more; no neighbour makes
    code shorter. So the least of some tries counts, and one that is good is enough."""
    figure = count(build, work)
    for _ in range(TRIES - 1):
        if most is None or figure <= most:
            break
        figure = min(figure, count(build, work))
    return figure


def write_record(build, here):
    """Medians: what is recorded has to be reached again."""
    figures = {work: statistics.median(count(build, work) for _ in range(TRIES))
               for work in COUNTED}
    RECORD.write_text(json.dumps({**here, 'instructions': figures}, indent=2) + '\n',
                      encoding='utf-8')


def compare(build, record, growth):
    failed = 0
    for work in COUNTED:
        known = record['instructions'].get(work)
        figure = least(build, work, known and known * growth)
        worse = known is None or figure > known * growth
        failed += worse
        change = f', {figure / known - 1:+.1%}' if known else ''
        print(f'{"FAIL" if worse else "ok  "}  {COUNTED[work][0]}: {figure} instructions, '
              f'{known or "nothing"} on record{change}', flush=True)
    return failed


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--build', default=os.environ.get('abs_top_builddir', '.'))
    parser.add_argument('--record', action='store_true', help='what is measured now is the record')
    return parser.parse_args()


def main():
    options = parse()
    build = pathlib.Path(options.build).resolve()
    values = variables(build)
    reason = why_not(values)
    if reason:
        print(f'instructions are not compared: {reason}\n0 passed, 0 failed')
        sys.exit(SKIP)
    if shutil.which('valgrind') is None:
        print('FAIL  there is no valgrind, which counts instructions; Debian calls it valgrind')
        print('0 passed, 1 failed')
        sys.exit(1)

    here = circumstances(values)
    if options.record:
        write_record(build, here)
    record = json.loads(RECORD.read_text(encoding='utf-8'))
    others = [f'{name} {record.get(name)}, here {here[name]}' for name in here
              if record.get(name) != here[name]]
    growth = GROWTH_ELSEWHERE if others else GROWTH
    if others:
        print(f'the record is of {"; ".join(others)}: {growth - 1:.0%} more is let pass')
    try:
        failed = compare(build, record, growth)
    except RuntimeError as fault:
        sys.exit(f'{fault}\n0 passed, 1 failed')
    if failed:
        print('What made it grow is to be found (valgrind --tool=callgrind), or to be said: '
              './dev instructions --record, in the same commit')
    print(f'{len(COUNTED) - failed} passed, {failed} failed')
    sys.exit(failed > 0)


if __name__ == '__main__':
    main()
