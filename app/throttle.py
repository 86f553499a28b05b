"""Guesses of passwords, counted in this process and forgotten with time.

Not by the library of `app.limits`: a guess is counted before it is looked at, so that guesses side
by side cannot slip through, and one that was right is given back, which none of its strategies can.
"""

import ipaddress
import math
from collections import OrderedDict, deque
from datetime import datetime, timedelta

from fastapi import Request

from planner.errors import PilarError

WINDOW = timedelta(minutes=15)
LIMITS = {"address": 50, "email": 10}
"""Failures within the window after which no further guess is looked at."""

ROOM = 10_000
"""Addresses and e-mails remembered at most; the one that was quiet longest goes first."""


class TooManyLogins(PilarError):
    """Too many guesses failed; `facts["retry_after_seconds"]` says when to try again."""


class Throttle:
    """A moving window over the guesses of each address and for each e-mail address."""

    def __init__(self) -> None:
        self._guesses: OrderedDict[tuple[str, str], deque[datetime]] = OrderedDict()

    def take(self, address: str, email: str, now: datetime) -> None:
        """Count a guess before it is looked at; raises `TooManyLogins` and then counts nothing."""
        names = {"address": address, "email": email.lower()}
        wait = max(self._wait(kind, name, now) for kind, name in names.items())
        if wait > timedelta():
            raise TooManyLogins(retry_after_seconds=math.ceil(wait.total_seconds()))
        for name in names.items():
            self._guesses.setdefault(name, deque()).append(now)
            self._guesses.move_to_end(name)
        while len(self._guesses) > ROOM:
            self._guesses.popitem(last=False)

    def give_back(self, address: str, email: str) -> None:
        """Uncount a guess that was right."""
        for name in (("address", address), ("email", email.lower())):
            if guesses := self._guesses.get(name):
                guesses.pop()

    def _wait(self, kind: str, name: str, now: datetime) -> timedelta:
        guesses = self._guesses.get((kind, name), deque())
        while guesses and guesses[0] + WINDOW <= now:
            guesses.popleft()
        return guesses[0] + WINDOW - now if len(guesses) >= LIMITS[kind] else timedelta()


def address_of(request: Request) -> str:
    """Return whose guesses are counted together: an IPv4 address, or the /64 of an IPv6 one."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host  # a Unix socket has no address
    if isinstance(address, ipaddress.IPv6Address):
        plain = address.ipv4_mapped
        return str(plain or ipaddress.ip_network((address.packed[:8] + bytes(8), 64)))
    return str(address)
