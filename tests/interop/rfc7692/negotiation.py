"""rfc7692/negotiation: offers of every shape, and what has to be agreed on (sections 5 and 7.1).

That the answer keeps to the offer is looked at with every connection (rfc7692/terms). Here it has
to be a certain one: what the mount wants, as far as the client allows it.
"""

import dataclasses

from rfc6455.case import ALL, ALONE, COARSE, ECHO, NARROW, PACKED, USUAL, WHOLE
from rfc7692.terms import NAME, Terms

MESSAGES = [b"The same words, and the same words again. " * 70] * 3  # one window, or three
FULL = Terms()
LONE = Terms(server_takeover=False, client_takeover=False)
SERVER, CLIENT = "server_max_window_bits", "client_max_window_bits"
SERVER_ALONE, CLIENT_ALONE = "server_no_context_takeover", "client_no_context_takeover"
NO_LIST = 400


@dataclasses.dataclass
class Offer:
    group: str
    title: str
    offers: list  # the values of the Sec-WebSocket-Extensions fields
    terms: Terms  # None: declined
    path: str = PACKED
    status: int = 101
    feeds: tuple = COARSE
    come: list = None
    size: int = 0
    stands_for: str = ""
    id: str = ""

    @property
    def offer(self):
        return " | ".join(self.offers)


def offer(group, text, terms, path=PACKED, title=None, **how):
    fields = [text] if isinstance(text, str) else text
    status = 101
    if terms == NO_LIST:
        terms, status = None, NO_LIST
    return Offer(group, title or " | ".join(fields) or "an empty field", fields, terms, path, status, **how)


def of(*parameters):
    return "; ".join((NAME, *parameters))


def parameters():
    """All that a single offer may say, on each kind of mount."""
    for path, wanted, takeover in ((PACKED, 15, True), (ALONE, 15, False), (NARROW, 9, True)):
        for flags in range(4):
            given = [one for bit, one in enumerate((SERVER_ALONE, CLIENT_ALONE)) if flags >> bit & 1]
            for server in (None, *range(8, 16)):
                for client in (None, "", *range(8, 16)):
                    if flags and server and client and server != client:
                        continue  # the windows by themselves, with the flags where both are the same
                    said = list(given)
                    said += [f"{SERVER}={server}"] if server else []
                    said += [CLIENT + (f"={client}" if client else "")] if client is not None else []
                    terms = Terms(
                        min(server, wanted) if server else 15,
                        min(client or 15, wanted) if client is not None else 15,
                        takeover and not flags & 1,
                        takeover and not flags & 2,
                    )
                    yield offer("14.1", of(*said), terms, path, feeds=WHOLE)


def shapes():
    """The same, written in another way."""
    narrow = Terms(server_bits=10)
    for text, terms in (
        (f"{NAME};{SERVER}=10", narrow),
        (f" {NAME} ; {SERVER}=10 ", narrow),
        (f"\t{NAME}\t;\t{SERVER}=10\t", narrow),
        (f"{NAME}; {SERVER} = 10", narrow),
        (f'{NAME}; {SERVER}="10"', narrow),
        (f'{NAME}; {SERVER}="\\1\\0"', narrow),
        (f'{NAME}; {CLIENT}="10"', Terms(client_bits=10)),
        (f",{NAME}; {SERVER}=10,", narrow),
        (f", ,, {NAME}; {SERVER}=10 ,\t,", narrow),
        (of(f"{SERVER}=10", CLIENT), narrow),
        (of(CLIENT, f"{SERVER}=10"), narrow),
        (of(CLIENT, SERVER_ALONE, f"{SERVER}=10", CLIENT_ALONE), Terms(10, 15, False, False)),
    ):
        yield offer("14.2", text, terms, feeds=ALL)
    for text in (
        NAME.upper(), NAME.capitalize(), "perframe-deflate", "deflate-frame", "x-webkit-deflate-frame",
        "permessage-deflat", NAME + "2", "permessage-bzip2", "permessage", "",
    ):
        yield offer("14.2", text, None)


def declined():
    """What is no offer of this extension, though it is a list: the connection goes on without."""
    for parameter in (
        *(f"{one}={value}" for one in (SERVER, CLIENT) for value in (
            "0", "1", "7", "16", "17", "99", "100", "150", "1000", "08", "09", "010", "015", "+9", "-9",
            "9.0", "0x9", "9a", "a9", "x", "4294967305", "18446744073709551625", '"7"', '"010"',
        )),
        SERVER,
        *(f"{one}={value}" for one in (SERVER_ALONE, CLIENT_ALONE) for value in (
            "0", "1", "true", "false", "10", '"true"'
        )),
        "unknown", "unknown=1", "x=y", "max_window_bits=10", "no_context_takeover", "c2s_max_window_bits",
        SERVER_ALONE.upper(), SERVER.capitalize() + "=10", "server-max-window-bits=10",
    ):
        yield offer("14.3", of(parameter), None)
        yield offer("14.3", of(CLIENT_ALONE, parameter, "z") + f", {NAME}x", None, feeds=WHOLE)
    for twice in (
        (f"{SERVER}=10", f"{SERVER}=10"), (f"{SERVER}=10", f"{SERVER}=11"), (CLIENT, CLIENT),
        (CLIENT, f"{CLIENT}=10"), (f"{CLIENT}=10", CLIENT), (SERVER_ALONE, SERVER_ALONE),
        (CLIENT_ALONE, CLIENT_ALONE), (f"{CLIENT}=12", f"{CLIENT}=12"),
    ):
        yield offer("14.3", of(*twice), None)
        yield offer("14.3", of(twice[0], SERVER_ALONE + "=1", twice[1]), None)


def several():
    """The first that can be had, in the client's order."""
    nine, ten = of(f"{SERVER}=9"), of(f"{SERVER}=10")
    bad = of(f"{SERVER}=7")
    for offers, terms in (
        ([ten, NAME], Terms(server_bits=10)),
        ([NAME, ten], FULL),
        ([nine, ten], Terms(server_bits=9)),
        ([bad, ten], Terms(server_bits=10)),
        ([bad, bad, of("unknown"), nine, ten], Terms(server_bits=9)),
        ([of(SERVER), of(CLIENT, CLIENT), of(SERVER_ALONE)], Terms(server_takeover=False)),
        (["permessage-bzip2", NAME], FULL),
        (["permessage-bzip2; level=9", "x-webkit-deflate-frame", ten], Terms(server_bits=10)),
        ([NAME, "permessage-bzip2"], FULL),
        (["x; server_max_window_bits=9", NAME], FULL),
        ([bad, of("y")], None),
        ([of(f"{CLIENT}=16"), of(CLIENT)], FULL),
        ([NAME] * 50, FULL),
        ([bad] * 50 + [nine], Terms(server_bits=9)),
    ):
        yield offer("14.4", ", ".join(offers), terms, title=f"{len(offers)} in a field: {offers[0]}, ...")
        yield offer("14.4", ",".join(offers), terms, title=f"{len(offers)}, without blanks: {offers[0]}, ...")
        if len(offers) < 20:
            yield offer("14.5", offers, terms, title=f"{len(offers)} fields: {offers[0]}, ...")
    yield offer("14.5", ["", NAME, ""], FULL)
    yield offer("14.5", [f"{bad}, {ten}", NAME], Terms(server_bits=10))
    yield offer("14.5", [f"{bad}, x", f"y, {ten}"], Terms(server_bits=10))


def no_list():
    """What is no list of extensions is refused, wherever in it that is, and whatever the mount wants."""
    for text in (
        f"{NAME};", f"{NAME};;{CLIENT}", f"{NAME} {CLIENT}", f"; {CLIENT}", f"{NAME}; {SERVER}=",
        f"{NAME}; =10", f"{NAME}; {SERVER}==10", f"{NAME}; {SERVER}=10=10", f"{NAME}; {SERVER}=1 0",
        f'{NAME}; {SERVER}="10', f'{NAME}; {SERVER}=10"', f'{NAME}; {SERVER}=""', f'{NAME}; {SERVER}="1 0"',
        f'{NAME}; {SERVER}="10"x', f'{NAME}; "{SERVER}"=10', f'"{NAME}"', f"{NAME}; {SERVER}='10'/",
        f"{NAME}: {CLIENT}", f"{NAME}, x y", f"{NAME}; {CLIENT}, ;", f"{NAME}; a\xe9", f"{NAME}/1",
        f"({NAME})",
        f'{NAME}; {SERVER}="10\\"', f'{NAME}; {SERVER}="1\\ 0"',
    ):
        for path in (PACKED, ECHO):
            yield offer("14.6", text, NO_LIST, path)
        yield offer("14.6", [NAME, text], NO_LIST)
        yield offer("14.6", [text, NAME], NO_LIST)


def mounts():
    """Where the mount says nothing, nothing is agreed on; where it says `on` alone, no window is kept."""
    for text in (NAME, of(CLIENT), of(f"{SERVER}=9", SERVER_ALONE), f"{NAME}, {NAME}"):
        yield offer("14.7", text, None, ECHO)
    yield offer("14.7", NAME, LONE, USUAL)
    yield offer("14.7", of(CLIENT), LONE, USUAL)
    yield offer("14.7", [], None, PACKED, "no offer")


def all_cases():
    for group in (parameters, shapes, declined, several, no_list, mounts):
        yield from group()
