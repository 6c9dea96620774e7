"""rfc7692/terms: what an answer to an offer says, and whether that offer allows it (section 7.1).
"""

import dataclasses
import re

NAME = "permessage-deflate"
TAKEOVERS = ("server_no_context_takeover", "client_no_context_takeover")
WINDOWS = ("server_max_window_bits", "client_max_window_bits")
BITS = re.compile("8|9|1[0-5]")


@dataclasses.dataclass(frozen=True)
class Terms:
    """What holds for a connection's compressed messages."""

    server_bits: int = 15
    client_bits: int = 15
    server_takeover: bool = True
    client_takeover: bool = True


def read_pair(text):
    name, sign, value = text.partition("=")
    return name.strip(), re.sub(r'[\s"\\]', "", value) if sign else None


def read_list(value):
    """Extensions and their parameters: [(name, [(parameter, value or None)])]. Well-formed ones only."""
    extensions = []
    for text in filter(None, (one.strip() for one in value.split(","))):
        name, *parameters = text.split(";")
        extensions.append((name.strip(), [read_pair(one) for one in parameters]))
    return extensions


def is_offer(name, pairs):
    """Is it one that a server may accept?"""
    given = dict(pairs)
    if name != NAME or len(given) < len(pairs) or not set(given) <= {*TAKEOVERS, *WINDOWS}:
        return False
    if any(given.get(one) is not None for one in TAKEOVERS):
        return False
    server, client = (given.get(one, "15") for one in WINDOWS)
    return bool(server and BITS.fullmatch(server) and (client is None or BITS.fullmatch(client)))


def allows(offer, answer):
    """None, or what in the answer this offer does not allow."""
    if TAKEOVERS[0] in offer and TAKEOVERS[0] not in answer:
        return "server_no_context_takeover was asked for"
    server, client = WINDOWS
    if server in offer and (server not in answer or int(answer[server]) > int(offer[server])):
        return f"server_max_window_bits={offer[server]} was asked for"
    if client in answer and client not in offer:
        return "client_max_window_bits was not offered"
    if client in answer and offer[client] is not None and int(answer[client]) > int(offer[client]):
        return f"client_max_window_bits={offer[client]} was offered"
    return None


def agree(offered, answered):
    """The terms, or None without any. `offered` and `answered`: the values of the fields."""
    if not answered:
        return None
    extensions = read_list(",".join(answered))
    if len(answered) != 1 or len(extensions) != 1:
        raise ValueError(f"not one extension: {answered}")
    name, pairs = extensions[0]
    answer = dict(pairs)
    if not is_offer(name, pairs) or answer.get(WINDOWS[1], "15") is None:
        raise ValueError(f"no answer: {answered}")
    offers = [dict(pairs) for name, pairs in read_list(",".join(offered)) if is_offer(name, pairs)]
    faults = [allows(offer, answer) for offer in offers]
    if None not in faults:
        raise ValueError(f"{answered[0]}: {faults[0] if faults else 'nothing was offered'}")
    server, client = (int(answer.get(one, 15)) for one in WINDOWS)
    return Terms(server, client, *(one not in answer for one in TAKEOVERS))
