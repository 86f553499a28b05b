"""Workers that meet one channel at the same time, each in a process of its own."""

import asyncio
import multiprocessing
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from uuid import UUID

from schedulers.clock import read_clock
from schedulers.connectors import connectors
from schedulers.outbound import Outbound
from schedulers.publisher import Publisher
from schedulers.publishing import publish
from schedulers.refreshing import refresh_expiring
from store.blobs import FolderBlobs
from store.db import Store
from store.liveness import SessionLock
from store.tables import Publication
from tests.chaos.pausing import LOOPBACK
from tests.conftest import RING
from tests.shore import forked
from tests.shore.install import install
from tests.waiting import until

PATIENCE_SECONDS = 90
LEASE_SECONDS = 60
WARM_SECONDS = 3.0
"""How long a process takes to be ready for the others."""


@asynccontextmanager
async def a_worker(store: Store, folder: Path, name: str) -> AsyncIterator[Publisher]:
    """A worker on PostgreSQL that lives until the end of the block."""
    outbound, lock = Outbound(LOOPBACK), SessionLock(store, name)
    await lock.start()
    try:
        yield Publisher(
            store=store,
            ring=RING,
            blobs=FolderBlobs(folder / "media"),
            connectors=connectors(outbound),
            base_url="http://pilar.test",
            liveness=lock,
            lease_seconds=LEASE_SECONDS,
            now=read_clock,
        )
    finally:
        await lock.stop()
        await outbound.aclose()


async def send(publisher: Publisher, row_id: UUID) -> None:
    """Look after the credentials, then publish one publication, however often it has to wait."""
    await refresh_expiring(publisher)

    async def is_out() -> bool:
        await publish(publisher, row_id)
        async with publisher.store.reading() as db:
            row = await db.get(Publication, row_id)
            return row is not None and row.status == "published"

    await until(is_out, PATIENCE_SECONDS)


def work(url: str, log: Path, row_id: UUID, begins_at: float) -> None:
    """Be a worker that begins at an instant (seconds since 1970), together with others."""
    output = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)
    for number in (1, 2):
        os.dup2(output, number)
    install()
    asyncio.run(_work(url, log.parent, row_id, begins_at))


async def _work(url: str, folder: Path, row_id: UUID, begins_at: float) -> None:
    store = Store(url)
    async with a_worker(store, folder, f"crowd:{os.getpid()}") as publisher:
        await asyncio.sleep(begins_at - time.time())
        await send(publisher, row_id)
    await store.close()


@dataclass
class Crowd:
    """So many processes as there are publications, which begin at the same time."""

    url: str
    folder: Path
    processes: list[ForkServerProcess]

    @classmethod
    async def gather(cls, url: str, folder: Path, rows: list[UUID]) -> "Crowd":
        """Start a worker for each publication."""
        context = multiprocessing.get_context("forkserver")  # that of tests.shore.forked
        context.set_forkserver_preload(forked.PRELOADED)
        begins_at, log = time.time() + WARM_SECONDS, folder / "crowd.log"
        crowd = cls(url, folder, [])
        for row in rows:
            process = context.Process(target=work, args=(url, log, row, begins_at), daemon=True)
            await asyncio.to_thread(process.start)
            crowd.processes.append(process)
        return crowd

    def kill(self, name: str) -> None:
        """Kill the one that works under a name."""
        pid = int(name.split(":")[1])
        (process,) = [each for each in self.processes if each.pid == pid]
        process.kill()

    async def ended(self) -> list[int | None]:
        """Wait for all of them; return their exit codes."""
        for process in self.processes:
            await asyncio.to_thread(process.join, PATIENCE_SECONDS + 2 * WARM_SECONDS)
        return [process.exitcode for process in self.processes]

    def end(self) -> None:
        """Kill whoever is left."""
        for process in self.processes:
            process.kill()
