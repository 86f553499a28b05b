"""The clock: APScheduler wakes the others; it holds no state."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from schedulers.deliveries.in_process import InProcessDelivery
from schedulers.dispatching import dispatch_due
from schedulers.publishing import Publisher, publish
from schedulers.sweeping import recover, sweep
from store import claims, instance, passages, sweeps

log = structlog.get_logger()

SWEEP_SECONDS = 20
PRUNE_HOURS = 6


def read_clock() -> datetime:
    """Return the present instant in UTC."""
    return datetime.now(UTC)


class Clock:
    """Wakes the dispatcher at the next due instant, after each commit, and every few seconds."""

    def __init__(
        self, publisher: Publisher, concurrency: int, tick_seconds: float, grace_seconds: float
    ) -> None:
        self.publisher = publisher
        self.delivery = InProcessDelivery(concurrency)
        self.ticked_at: datetime | None = None
        self._tick_seconds = tick_seconds
        self._grace_seconds = grace_seconds
        self._tasks: list[asyncio.Task[None]] = []
        self._wanted = asyncio.Event()  # a tick is wanted; set while one runs, it runs again
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )

    async def start(self, *, alone: bool) -> None:
        """Recover what an earlier process left, then begin to tick.

        `alone`: this process owns the database, so nobody else can hold a claim.
        """
        await recover(self.publisher, "others" if alone else "expired")
        await instance.note_tick(self.publisher.store, self.publisher.now())
        self._tasks = [
            asyncio.create_task(self.delivery.run(self._publish), name="delivery"),
            asyncio.create_task(self._tick_when_wanted(), name="ticks"),
        ]
        jobs: tuple[tuple[str, Callable[[], Awaitable[None]], float], ...] = (
            ("tick", self._wake, self._tick_seconds),
            ("sweep", self._sweep, SWEEP_SECONDS),
            ("prune", self._prune, PRUNE_HOURS * 3600),
        )
        for name, job, seconds in jobs:
            self._scheduler.add_job(job, "interval", seconds=seconds, id=name)
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

    def nudge(self) -> None:
        """Tick soon: something was committed that may be due."""
        self._wanted.set()

    async def tick(self) -> None:
        """Dispatch what is due, note slots that pass, and wake again when the next is."""
        now = self.publisher.now()
        await dispatch_due(self.publisher.store, self.delivery, now)
        passage = await passages.note(self.publisher.store, now)
        async with self.publisher.store.reading() as db:
            due = await claims.next_due(db, now)
        self.ticked_at = now
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

    async def _publish(self, publication_id: UUID) -> None:
        await publish(self.publisher, publication_id)

    async def _sweep(self) -> None:
        await recover(self.publisher, "expired")
        await sweep(self.publisher)
        await instance.note_tick(self.publisher.store, self.ticked_at or self.publisher.now())

    async def _prune(self) -> None:
        await sweeps.prune(self.publisher.store, self.publisher.now())
