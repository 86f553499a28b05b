"""The clock: APScheduler wakes the others; it holds no state."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from schedulers.deliveries.delivery import Delivery
from schedulers.dispatching import dispatch_due
from schedulers.publisher import Publisher
from schedulers.publishing import publish
from schedulers.refreshing import refresh_expiring
from schedulers.sweeping import recover, sweep
from store import dispatch, instance, pacing, passages, sweeps, workers

log = structlog.get_logger()

LOOK_AROUND_SECONDS = 20
SWEEP_SECONDS = 20
PRUNE_SECONDS = 6 * 3600
PAUSE_SECONDS = 0.05
"""Between ticks that commits ask for: many commits at once need one of them."""

EARLY = 0.9
"""A chore's turn comes a little before its time, or an early timer would wait for another."""


def read_clock() -> datetime:
    """Return the present instant in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Chore:
    """Work that one of all processes does once in a while."""

    name: str
    seconds: float
    deed: Callable[[], Awaitable[None]]


class Clock:
    """Wakes the dispatcher at the next due instant, after each commit, and every few seconds.

    Every process that may dispatch has one; only those that publish run the delivery's loop.
    """

    def __init__(
        self,
        publisher: Publisher,
        delivery: Delivery,
        *,
        role: str = "all",
        tick_seconds: float = 5,
        grace_seconds: float = 20,
        chores: Sequence[Chore] = (),
    ) -> None:
        self.publisher = publisher
        self.delivery = delivery
        self.ticked_at: datetime | None = None
        self._role = role
        self._tick_seconds = tick_seconds
        self._grace_seconds = grace_seconds
        self._tasks: list[asyncio.Task[None]] = []
        self._wanted = asyncio.Event()  # a tick is wanted; set while one runs, it runs again
        self._chores = (
            Chore("sweep", SWEEP_SECONDS, lambda: sweep(publisher)),
            Chore("refresh", SWEEP_SECONDS, lambda: refresh_expiring(publisher)),
            Chore("prune", PRUNE_SECONDS, lambda: sweeps.prune(publisher.store, publisher.now())),
            *chores,
        )
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )

    async def start(self, *, alone: bool) -> None:
        """Recover what an earlier process left, then begin to tick.

        `alone`: this process owns the database, so nobody else can hold a claim.
        """
        await self.publisher.liveness.start()
        await self.recover(alone=alone)
        await self._look_around()
        self._tasks = [asyncio.create_task(self._tick_when_wanted(), name="ticks")]
        if self._role != "api":
            self._tasks.append(asyncio.create_task(self._deliver(), name="delivery"))
        self._scheduler.add_job(self._wake, "interval", seconds=self._tick_seconds, id="tick")
        self._scheduler.add_job(
            self._look_around, "interval", seconds=LOOK_AROUND_SECONDS, id="look around"
        )
        for chore in self._chores:
            self._scheduler.add_job(
                self._do, "interval", args=[chore], seconds=chore.seconds, id=chore.name
            )
        self._scheduler.start()
        self.publisher.store.on_commit(self.nudge)
        self.nudge()

    async def stop(self) -> None:
        """Wake nobody any more and wait, within the grace, for what is under way."""
        self._scheduler.shutdown(wait=False)
        await asyncio.sleep(0)
        await self.delivery.stop(self._grace_seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await recover(self.publisher, "own")
        await workers.forget(self.publisher.store, self.publisher.worker)
        await self.publisher.liveness.stop()

    async def recover(self, *, alone: bool) -> None:
        """Settle what earlier processes left; alone, also forget what their deliveries held."""
        await recover(self.publisher, "others" if alone else "expired")
        if alone:
            async with self.publisher.store.transaction() as db:
                await dispatch.forget(db)

    def nudge(self) -> None:
        """Tick soon: something was committed that may be due."""
        self._wanted.set()

    async def tick(self) -> None:
        """Dispatch what is due, note slots that pass, and wake again when the next is."""
        now = self.publisher.now()
        handed_over = await dispatch_due(self.publisher.store, self.delivery, now)
        self.ticked_at = now
        if handed_over:
            self.nudge()  # once more, and that one looks ahead: a crowd is not to wait for it
            return
        passage = await passages.note(self.publisher.store, now)
        async with self.publisher.store.reading() as db:
            due = await dispatch.next_due(db, now)
        if coming := [each for each in (due, passage) if each is not None]:
            self._scheduler.add_job(
                self._wake,
                "date",
                run_date=min(coming) + timedelta(milliseconds=1),
                id="wake",
                replace_existing=True,
            )

    async def _wake(self) -> None:
        self.nudge()

    async def _tick_when_wanted(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                await self.tick()
            except Exception:  # the next tick may do better; the slow one comes anyway
                log.exception("tick failed")
            await asyncio.sleep(PAUSE_SECONDS)

    async def _deliver(self) -> None:
        await self.delivery.run(self._publish)

    async def _publish(self, publication_id: UUID) -> None:
        await publish(self.publisher, publication_id)

    async def _look_around(self) -> None:
        """Say that this process is there, and settle what those left that are not any more."""
        publisher, now = self.publisher, self.publisher.now()
        keys = publisher.ring.ids
        await workers.note(publisher.store, publisher.worker, self._role, now, keys)
        await instance.note_tick(publisher.store, self.ticked_at or now)
        await recover(publisher, "expired")

    async def _do(self, chore: Chore) -> None:
        publisher = self.publisher
        every = timedelta(seconds=chore.seconds * EARLY)
        if await pacing.is_turn(publisher.store, chore.name, every, publisher.now()):
            await chore.deed()
