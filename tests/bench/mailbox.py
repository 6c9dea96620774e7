#!/usr/bin/python3
"""What mailboxes cost on more cores than there are here: a model, from figures measured here.

    mailbox.py [--build DIR]

An event of a group goes to each loop that has members of it: one push there, and there it is taken,
decoded once, and written to each member. Measured (tests/bench/mailbox): with b messages found at a
time,

    push(b) = p + w / b        p: the compare-and-swap       w: waking a loop that sleeps
    take(b) = t + k / b        t: one message of many        k: the turn that takes them

p and t come from a flood, w and k from messages that come one by one; what lies between is printed
beside the model. With m members, each on one of L loops by chance, the event is heard on

    f = L (1 - (1 - 1/L)^m)

loops, and costs m deliveries + f (push + take + decode). The second part is the price of having
many loops; one loop pays the decoding alone. Pushes to a mailbox take turns at one cache line, so
it takes no more than 1 / line of them a second.
"""
import argparse
import json
import pathlib
import subprocess

RUNS = [(1, 1, 1000000, 0), (1, 1, 300000, 200), (1, 1, 100000, 1000), (1, 1, 30000, 5000),
        (1, 1, 10000, 20000), (2, 1, 500000, 0), (4, 1, 250000, 0)]
TURNS = 3
DELIVERY = 4000  # ns of a delivery that is not in a batch: the bench's chat-1
DECODE = 900     # ns of taking an event apart, once a loop
LINE = 150       # ns until a core far away has a cache line: of machines with two sockets
BUSY = 8         # messages that a busy loop finds at a time


def measure(build):
    """The cheapest of some turns: whoever is disturbed is never cheaper for it."""
    found = []
    for run in RUNS:
        turns = [json.loads(subprocess.run([str(build / 'tests/bench/mailbox'), *map(str, run)],
                                           capture_output=True, text=True, check=True).stdout)
                 for _ in range(TURNS)]
        found.append(min(turns, key=lambda turn: turn['push_ns'] + turn['take_ns']))
    return found


def fit(runs, key):
    """The two parts of y = a + c / b."""
    most = max(runs, key=lambda run: run['at_a_time'])
    least = min(runs, key=lambda run: run['at_a_time'])
    per_turn = ((least[key] - most[key]) / (1 / least['at_a_time'] - 1 / most['at_a_time']))
    return max(most[key] - per_turn / most['at_a_time'], 0), per_turn


def loops_reached(loops, members):
    return loops * (1 - (1 - 1 / loops) ** members)


def hand_over(costs, loops, members, batch):
    """ns of all loops, for an event to be where its members are."""
    (p, w), (t, k) = costs
    if loops == 1:
        return DECODE
    return loops_reached(loops, members) * (p + LINE + w / batch + t + k / batch + DECODE)


def print_model(costs):
    print(f'\n{"members":>8} {"loops":>6} {"heard on":>9} {"handing over, at rest":>22} '
          f'{"busy":>7} {"deliveries a second":>20} {"x one loop":>11}')
    for members in (10, 100, 1000, 100000):
        deliver = members * DELIVERY
        alone = members / (deliver + DECODE) * 1e9
        for loops in (1, 2, 8, 64):
            rest, busy = (hand_over(costs, loops, members, batch) for batch in (1, BUSY))
            rate = members * loops / (deliver + busy) * 1e9
            print(f'{members:8,} {loops:6} {loops_reached(loops, members):9.1f} '
                  f'{rest / (rest + deliver):22.1%} {busy / (busy + deliver):7.1%} {rate:20,.0f} '
                  f'{rate / alone:11.1f}')
    print(f'\nA mailbox takes {1e9 / LINE:,.0f} pushes a second at most.')


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--build', default='build-bench')
    runs = measure(pathlib.Path(parser.parse_args().build).resolve())
    push, take = fit(runs, 'push_ns'), fit(runs, 'take_ns')
    print(f'{"producers":>9} {"at a time":>10} {"push ns":>9} {"model":>7} {"take ns":>9} '
          f'{"model":>7} {"p50 us":>8}')
    for run in runs:
        b = run['at_a_time']
        print(f'{run["producers"]:9} {b:10.1f} {run["push_ns"]:9.1f} {push[0] + push[1] / b:7.0f} '
              f'{run["take_ns"]:9.1f} {take[0] + take[1] / b:7.0f} {run["p50_us"]:8.1f}')
    for name, (alone, turn) in (('push', push), ('take', take)):
        print(f'{name} = {alone:.0f} + {turn:.0f} / b ns')
    print_model((push, take))


if __name__ == '__main__':
    main()
