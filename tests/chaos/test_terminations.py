"""PostgreSQL ends every session again and again, and restarts: workers heal by themselves."""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from planner.publications import Status
from schedulers.deliveries.delivery import Handler
from schedulers.deliveries.procrastinate import ProcrastinateDelivery
from store import migrating
from store.db import Store
from tests import postgres
from tests.chaos.altered import Altered
from tests.chaos.sieges import Siege, laid
from tests.shore.forked import Pilar
from tests.waiting import until

JUDGE = "judge"
"""The sessions of the tests themselves, which stay."""
EVERY_SECONDS = 0.2
AWAY_SECONDS = 1.0
END_ALL = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND application_name <> 'judge' AND pid <> pg_backend_pid()
"""


@dataclass
class Ordeal:
    """A siege on a server of its own, which keeps what it has committed, whatever happens."""

    siege: Siege
    server: postgres.Server
    ended: int = 0

    async def end_sessions(self, seconds: float) -> None:
        """End every session of the database again and again, for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with contextlib.suppress(psycopg.OperationalError):  # it restarts just now
                self.ended += await asyncio.to_thread(self._end_all)
            await asyncio.sleep(EVERY_SECONDS)

    def _end_all(self) -> int:
        address = self.server.address.set(drivername="postgresql", database="postgres")
        url = address.update_query_dict({"application_name": JUDGE})
        with psycopg.connect(
            url.render_as_string(hide_password=False), autocommit=True
        ) as connection:
            found = connection.execute(END_ALL).fetchone()
            return int(found[0]) if found else 0

    async def restart(self, after_seconds: float) -> None:
        """Restart the server in immediate mode, which is a crash to whoever is connected."""
        await asyncio.sleep(after_seconds)
        assert self.server.process is not None
        self.server.process.send_signal(signal.SIGQUIT)
        await asyncio.to_thread(self.server.process.wait)
        await asyncio.to_thread(self.server.restart, AWAY_SECONDS)


@asynccontextmanager
async def ordeal(folder: Path) -> AsyncIterator[Ordeal]:
    server = postgres.start(fsync=True, binaries=postgres.installed()[0])
    try:
        url = server.url("postgres")
        store = Store(url)
        await migrating.upgrade(store)
        await store.close()
        async with laid(f"{url}&application_name={JUDGE}", folder) as siege:
            siege.besieged.service.url = url
            yield Ordeal(siege, server)
    finally:
        server.stop()


async def suffer(it: Ordeal, workers: list[Pilar], seconds: float, posts: int) -> None:
    """Publish through it all; then everything ends within the siege's patience."""
    siege = it.siege
    try:
        await asyncio.gather(*(each.start() for each in workers))
        await siege.place(posts, seconds)
        await asyncio.gather(it.end_sessions(seconds), it.restart(seconds / 2))
        began = time.monotonic()
        processes = [each.process for each in workers]
        await siege.settle_down()
        print(f"{it.ended} sessions ended; settled after {time.monotonic() - began:.1f} s")
        assert [each.alive for each in workers] == [True] * len(workers)
        assert [each.process for each in workers] == processes
        assert [await each.stop() for each in workers] == [0] * len(workers)
    finally:
        await asyncio.gather(*(each.kill() for each in workers))


def unhealed() -> None:
    """Let a worker's queue end when PostgreSQL goes away, as Procrastinate's own does."""

    async def once(self: Any, handler: Handler) -> None:
        self._handler = handler
        self._done = asyncio.Event()
        await self._work()
        self._done.set()

    ProcrastinateDelivery.run = once  # type: ignore[method-assign]


async def test_ended_sessions_and_a_restart_lose_and_double_nothing(tmp_path: Path) -> None:
    async with ordeal(tmp_path) as it:
        await it.siege.open(1)
        workers = [it.siege.pilar("worker", name=f"worker-{number}") for number in range(2)]

        await suffer(it, workers, seconds=3, posts=2)

        await it.siege.judge()


@pytest.mark.chaos
async def test_a_minute_of_ended_sessions_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async with ordeal(tmp_path) as it:
        await it.siege.open(2)
        workers = [it.siege.pilar("worker", name=f"worker-{number}") for number in range(4)]

        await suffer(it, workers, seconds=60, posts=20)

        found = await it.siege.judge()
    assert {end.status for end in found} <= {Status.PUBLISHED, Status.NEEDS_REVIEW}


async def test_a_worker_that_does_not_heal_is_caught(tmp_path: Path) -> None:
    async with ordeal(tmp_path) as it:
        siege = it.siege
        await siege.open(1, ["idem"], well=1.0)
        service = siege.besieged.service
        place = (service.folder, service.url)
        worker = Altered(*place, ("worker",), siege.settings, alter=unhealed)
        try:
            await worker.start()
            await siege.place(1, 0)
            await until(lambda: nothing_is_left(siege))
            await it.restart(0)
            await siege.place(1, 0)
            for _ in range(4):  # longer than it takes to heal
                await asyncio.sleep(1)
            assert worker.alive
        finally:
            await worker.kill()

        assert [sorted(end.faults) for end in await siege.ends()] == [[], ["stuck"]]


async def nothing_is_left(siege: Siege) -> bool:
    return not await siege.undecided()
