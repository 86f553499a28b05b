"""A worker that stops itself where it hurts most: its intent is written, and nothing was sent.

It goes on with the system call that it was about to make: between its stop and the bytes that
leave nothing is awaited, so no timer of its own comes in between. Longer pauses than that of one
call are made from outside, by a signal at any moment.
"""

import asyncio
import http.client
import multiprocessing
import os
import random
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from schedulers.outbound import Answer, Outbound
from tests.processes import KEYS
from tests.shore import forked
from tests.shore.forked import Pilar
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
        return random.random() < self._chance  # noqa: S311


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


def run(
    arguments: list[str],
    log: Path,
    settings: dict[str, str],
    *,
    chance: float | None,
    dies: bool,
) -> None:
    """Be `pilar` whose connectors to the test platform halt."""

    def halting(make: Any) -> Any:
        return lambda _outbound: make(Halting(chance, dies=dies))

    for kind, (there, make) in list(SHORE.items()):
        SHORE[kind] = (there, halting(make))
    forked.run(arguments, log, settings, naive=False)


@dataclass
class Pausing(Pilar):
    """`pilar worker` that stops itself before so many of the requests that publish.

    By default before the first one to each class of the platform.
    """

    chance: float | None = None
    dies: bool = False

    async def start(self) -> None:
        """Start; it may take a moment until it publishes."""
        settings = {
            "PILAR_DATABASE_URL": self.url,
            "PILAR_DATA_DIR": str(self.folder / "data"),
            "PILAR_SECRET_KEYS": KEYS,
        } | self.settings
        arguments = (list(self.arguments), self.log, settings)
        context = multiprocessing.get_context("forkserver")  # that of tests.shore.forked
        self.process = context.Process(
            target=run,
            args=arguments,
            kwargs={"chance": self.chance, "dies": self.dies},
            daemon=True,
        )
        await asyncio.to_thread(self.process.start)

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
