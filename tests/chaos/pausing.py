"""A worker that stops itself where it hurts most: its intent is written, and nothing was sent.

It goes on with the system call that it was about to make: between its stop and the bytes that
leave nothing is awaited, so no timer of its own comes in between. Longer pauses than that of one
call are made from outside, by a signal at any moment.
"""

import http.client
import os
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from schedulers.outbound import Answer, Outbound
from tests.chaos.altered import Altered
from tests.shore.install import SHORE
from tests.waiting import until

LOOPBACK = frozenset({"127.0.0.1"})
STOPPED = "T"
"""What the kernel calls a process that a signal has stopped (proc(5))."""


class Halting(Outbound):
    """A client whose process stops before some of the requests that publish, then sends at once.

    `chance` is how many of them, None the first one alone; `dies` ends the process when it has
    sent.
    """

    def __init__(self, chance: float | None, *, dies: bool) -> None:
        super().__init__(LOOPBACK)
        self._chance = chance
        self._dies = dies
        self._halted = False

    async def request(self, method: str, url: str, **more: Any) -> Answer:
        """Send a request, perhaps after a pause."""
        path = urlsplit(url).path
        publishes = method in {"PUT", "POST"} and not path.endswith("/containers")
        if not (publishes and self._halts()):
            return await super().request(method, url, **more)
        self._halted = True
        os.kill(os.getpid(), signal.SIGSTOP)
        answer = _sent(method, url, more["headers"], more["content"])
        if self._dies:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    def _halts(self) -> bool:
        if self._chance is None:
            return not self._halted
        return random.random() < self._chance


def _sent(method: str, url: str, headers: dict[str, str], content: bytes) -> Answer:
    """Send a request without awaiting anything."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=2)
    try:
        connection.request(method, where.path, body=content, headers=headers)
        answer = connection.getresponse()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, named, answer.read(), url)
    finally:
        connection.close()


def halt(chance: float | None, *, dies: bool) -> None:
    """Let the connectors to the test platform halt, in this process."""

    def halting(make: Any) -> Any:
        return lambda _outbound: make(Halting(chance, dies=dies))

    for kind, (there, make) in list(SHORE.items()):
        SHORE[kind] = (there, halting(make))


@dataclass
class Pausing(Altered):
    """`pilar worker` that stops itself before so many of the requests that publish.

    By default before the first one to each class of the platform.
    """

    alter: Callable[..., None] = halt
    given: dict[str, Any] = field(default_factory=lambda: {"chance": None, "dies": False})

    @property
    def is_stopped(self) -> bool:
        """Whether a signal has stopped it."""
        assert self.process is not None
        if not self.alive:
            return False
        stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] == STOPPED

    async def until_stopped(self) -> None:
        """Wait until it has stopped itself."""
        await until(lambda: self.is_stopped)

    def go_on(self) -> None:
        """End its pause."""
        self.send(signal.SIGCONT)
