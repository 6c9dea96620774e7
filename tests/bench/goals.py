"""What sluice is to reach, beside the others of the same run; what is reached is said in the table.

A figure that is within 5 % of its bound has met it: two runs on one machine differ by as much.
"""
from typing import NamedTuple, Optional

NOISE = 1.05
# Bun's server is uWebSockets; the library itself, where --also brought it, is the better measure.
STANDS_FOR = {'uWebSockets': ['uWebSockets', 'bun']}


class Goal(NamedTuple):
    """`server` must not need more than `times` what `than` needs; or, without `than`, more than
    `times` of whatever the figure is."""
    work: str
    figure: str
    times: float
    than: Optional[str] = None
    server: str = 'sluice'


GOALS = [
    Goal('echo-64-1', 'cpu', 1.0, 'uWebSockets'),
    Goal('echo-64-1', 'cpu', 1.05, 'floor'),
    Goal('echo-64-16', 'cpu', 1.0, 'uWebSockets'),
    Goal('echo-64-16', 'cpu', 1.1, 'floor'),
    Goal('echo-16k', 'cpu', 1.0, 'uWebSockets'),
    Goal('echo-1m', 'cpu', 1.0, 'uWebSockets'),
    Goal('chat-1', 'cpu', 1.1, 'floor'),
    Goal('chat-8', 'cpu', 1.0, 'uWebSockets'),
    Goal('chat-8', 'cpu', 2.0, 'uWebSockets', 'sluice-plain'),
    Goal('chat-5s', 'cpu', 1.05, 'floor'),
    Goal('chat-5s', 'cpu', 1 / 20, 'daphne'),
    Goal('connect', 'cpu', 1.1, 'floor'),
    Goal('instructions:echo-100-1', 'instructions', 700),
    Goal('instructions:echo-100-16', 'instructions', 300),
    Goal('instructions:broadcast-1000-8', 'instructions', 100),
    Goal('calls:echo-100-1', 'calls', 1.0, 'floor'),
    Goal('calls:broadcast-1', 'calls', 1.0),
    Goal('idle', 'bytes', 600),
]


def judge(results):
    """A row for each goal that was measured: its text, the figure, the bound, and what became."""
    rows = []
    for goal in GOALS:
        servers = results.get(goal.work, {})
        than = next((name for name in STANDS_FOR.get(goal.than, [goal.than]) if name in servers),
                    None)
        if goal.server not in servers or (goal.than and than is None):
            continue
        figure = servers[goal.server][goal.figure]
        bound = goal.times * (servers[than][goal.figure] if than else 1)
        rows.append({'work': goal.work, 'server': goal.server, 'figure': figure, 'bound': bound,
                     'wanted': f'{goal.times:g} x {than}' if than else f'{goal.times:g}',
                     'met': 'met' if figure <= bound else
                            'met, within 5 %' if figure <= bound * NOISE else 'not met'})
    return rows


def print_goals(rows):
    if not rows:
        return
    print(f'\n{"goals":32} {"server":14} {"figure":>12} {"at most":>12}  {"which is":22}')
    for row in rows:
        print(f'{row["work"]:32} {row["server"]:14} {row["figure"]:12,.3f} {row["bound"]:12,.3f}  '
              f'{row["wanted"]:22} {row["met"]}')
    met = sum(row['met'] != 'not met' for row in rows)
    print(f'{met} of {len(rows)} are met')
