"""Worker processes inside one: each stops or dies where it is told to, and time is a number."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import event

from schedulers.connector import Outgoing
from schedulers.publisher import Publisher
from store.db import Db, Store
from tests.conftest import Clock
from tests.schedulers.bay import Bay, Weather, lines
from tests.schedulers.witness import Witness


class Killed(BaseException):
    """The process has ended."""


class Tide:
    """Time as it truly goes by, and a wall clock that may be wrong by some hours."""

    def __init__(self) -> None:
        self.true = 0.0
        self.wrong = timedelta(0)

    def __call__(self) -> datetime:
        return Clock.now + timedelta(seconds=self.true) + self.wrong

    def forward(self, **parts: float) -> datetime:
        self.true += timedelta(**parts).total_seconds()
        return self()


class TidalLoop(asyncio.SelectorEventLoop):
    """A loop whose timers follow the tide: nothing ends by itself while a test looks at it."""

    def __init__(self, tide: Tide) -> None:
        self._tide = tide
        super().__init__()

    def time(self) -> float:
        return self._tide.true


@dataclass
class Plan:
    """Where a piece of work stops (or dies), in points from now, and what its calls meet."""

    points: int | None = None
    dies: bool = False
    weather: list[Weather] = field(default_factory=list)


class Work:
    """A piece of work: it comes past points, and may be halted at one or end there."""

    def __init__(self, plan: Plan, lock: "Lock", about: UUID) -> None:
        self.plan, self.lock, self.about = plan, lock, about
        self.task: asyncio.Task[None]
        self.halted = asyncio.Event()
        self._dead = False
        self._resumed = asyncio.Event()

    def may_die(self) -> None:
        """Come past a point where nobody could stop for long: a lock is held."""
        plan = self.plan
        if plan.points is not None:
            plan.points -= 1
            if plan.points <= 0 and plan.dies:
                raise Killed

    async def pass_by(self) -> None:
        """Come past a point, and stop there if that is the plan."""
        self.may_die()
        if self.plan.points is not None and self.plan.points <= 0:
            await self._halt()

    async def _halt(self) -> None:
        """Stand still as a stopped process does: what came meanwhile comes first afterwards."""
        self._resumed.clear()
        self.halted.set()
        cancelled = False
        while not self._resumed.is_set():
            try:
                await self._resumed.wait()
            except asyncio.CancelledError:
                cancelled = True
        if self._dead:
            raise Killed
        await asyncio.sleep(0)  # timers first
        if cancelled:
            raise asyncio.CancelledError

    def go_on(self, plan: Plan) -> None:
        self.plan = plan
        self.halted.clear()
        self._resumed.set()

    def die(self) -> None:
        self._dead = True
        self._resumed.set()


WORK: ContextVar[Work | None] = ContextVar("WORK", default=None)


class MortalStore(Store):
    """A store whose worker may not outlive a commit, or not reach it."""

    def __init__(self, url: str, witness: Callable[[Sequence[str]], None]) -> None:
        super().__init__(url)
        self._witness = witness
        if self.is_sqlite:
            event.listen(self._writer.sync_engine, "connect", _never_sync)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Db]:
        work = WORK.get()
        async with super().transaction() as db:
            yield db
            if work is not None:
                await db.flush()
                work.may_die()
        self._witness(work.lock.names if work else ())
        if work is not None:
            await work.pass_by()


def _never_sync(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF").close()  # only processes die here, no machine


class Lock:
    """The lock that ends with its process, as the kernel knows it, or a session that was lost."""

    def __init__(self, held: set[str], name: str) -> None:
        self._held, self._prefix = held, name
        self.names: list[str] = []
        self._take()

    @property
    def worker(self) -> str:
        return self.names[-1]

    async def start(self) -> None: ...

    async def stop(self) -> None:
        self._held.discard(self.worker)

    def lose(self) -> None:
        """Lose the session: the name is given up, and the process goes on under another one."""
        self._held.discard(self.worker)
        self._take()

    def end(self) -> None:
        self._held.discard(self.worker)

    async def holds(self, db: Db, worker: str) -> bool:
        return worker == self.worker and worker in self._held

    async def is_gone(self, db: Db, worker: str) -> bool:
        return worker not in self._held

    def _take(self) -> None:
        self.names.append(f"{self._prefix}.{len(self.names)}")
        self._held.add(self.worker)


class Process:
    """A worker process: its lock, what it works with, and the work that it has under way."""

    def __init__(
        self, lock: Lock, bay: Bay, witness: Witness, publisher_with: Callable[..., Publisher]
    ) -> None:
        self._witness = witness
        self.lock = lock
        self.works: list[Work] = []
        self.publisher = replace(publisher_with(lines(bay, self)), liveness=lock)

    async def pass_by(self, name: str) -> None:
        if (work := WORK.get()) is not None:
            await work.pass_by()

    def weather(self) -> Weather:
        work = WORK.get()
        return work.plan.weather.pop(0) if work and work.plan.weather else Weather.FINE

    def leaves(self, outgoing: Outgoing) -> None:
        self._witness.on_the_wire(self.lock.names, outgoing)
