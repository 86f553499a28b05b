"""Delivery inside one process: a queue and a bounded number of tasks."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import structlog

from schedulers.deliveries.delivery import Handler
from store.db import Db

log = structlog.get_logger()


class InProcessDelivery:
    """Handles up to `concurrency` publications at once; nothing else needs to run."""

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._queue: asyncio.Queue[UUID | None] = asyncio.Queue()
        self._known: set[UUID] = set()  # queued or under way
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._done = asyncio.Event()

    async def enqueue(self, db: Db, ids: Sequence[UUID]) -> None:
        """Do nothing yet: the transaction may still be rolled back."""

    async def committed(self, ids: Sequence[UUID]) -> None:
        """Put publications on the queue; those that are under way already are left out."""
        for each in ids:
            if not self._stopping and each not in self._known:
                self._known.add(each)
                self._queue.put_nowait(each)

    async def run(self, handler: Handler) -> None:
        """Handle what comes, until `stop`."""
        try:
            async with asyncio.TaskGroup() as group:
                self._tasks = [
                    group.create_task(self._work(handler)) for _ in range(self._concurrency)
                ]
        finally:
            self._done.set()

    async def idle(self) -> None:
        """Wait until nothing is queued or under way."""
        await self._queue.join()

    async def stop(self, grace_seconds: float) -> None:
        """Drop what is queued (it stays due), wait for what is under way, then cut it off."""
        self._stopping = True
        while not self._queue.empty():
            if (dropped := self._queue.get_nowait()) is not None:
                self._known.discard(dropped)
            self._queue.task_done()
        for _ in range(self._concurrency):
            self._queue.put_nowait(None)
        if not self._tasks:  # it never ran
            return
        try:
            async with asyncio.timeout(grace_seconds):
                await self._done.wait()
        except TimeoutError:
            log.warning("stopped with publications under way", count=len(self._known))
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self, handler: Handler) -> None:
        while (each := await self._queue.get()) is not None:
            try:
                await handler(each)
            except Exception:  # one publication's fault must not stop the others
                log.exception("publishing crashed", publication=str(each))
            finally:
                self._known.discard(each)
                self._queue.task_done()
        self._queue.task_done()
