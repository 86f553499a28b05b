"""Misbehaviour that was asked for: which endpoint, how often, what it does instead."""

from dataclasses import dataclass, field
from typing import Literal

Deed = Literal["refuse", "crash", "lose", "reset", "slow", "duplicate", "forge", "withhold"]


@dataclass(slots=True)
class Trick:
    """What an endpoint does instead of its duty, `times` times, after `skip` decent calls.

    `refuse` answers `code`, with its documented status or with `status`, and does nothing;
    `crash` answers `status` (500) with an empty body, `after` the effect or before it; `lose`
    does everything and closes the connection; `reset` closes it before anything is done, or after
    `read_bytes` of the body; `slow` waits `seconds` first. `duplicate`, `forge` and `withhold`
    are for the endpoint `webhook`.
    """

    endpoint: str
    do: Deed
    times: int = 1
    skip: int = 0
    code: str = ""
    message: str = ""
    status: int = 0
    after: bool = False
    read_bytes: int = 0
    seconds: float = 0


@dataclass(slots=True)
class Mischief:
    """The tricks that are left, in the order in which they were asked for."""

    tricks: list[Trick] = field(default_factory=list)

    def take(self, endpoint: str) -> Trick | None:
        """Return the trick that this call of an endpoint falls for, and count it."""
        for trick in self.tricks:
            if trick.endpoint != endpoint or trick.times <= 0:
                continue
            if trick.skip > 0:
                trick.skip -= 1
                return None
            trick.times -= 1
            self.tricks = [each for each in self.tricks if each.times > 0]
            return trick
        return None
