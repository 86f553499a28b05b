"""Workers that are paused for longer than their lease, between their intent and the wire."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest

from planner.publications import Status
from schedulers.clock import read_clock
from schedulers.connectors import connectors
from schedulers.outbound import Outbound
from schedulers.publisher import Publisher
from schedulers.publishing import publish
from schedulers.settling import FAILURES_MAX
from schedulers.sweeping import recover
from store.blobs import FolderBlobs
from store.db import Db
from store.liveness import SessionLock
from store.tables import Publication
from tests.chaos.judging import End, tally
from tests.chaos.pausing import LOOPBACK, Pausing
from tests.chaos.sieges import LEASE_SECONDS, Siege, laid
from tests.conftest import RING
from tests.shore.install import SHORE
from tests.waiting import until

pytestmark = pytest.mark.parametrize("database", ["postgresql"])

LEASE = 1
WORKERS = 3
PAUSES = 40
CONTENTED = frozenset(
    {Status.PUBLISHED, Status.NEEDS_REVIEW, Status.SUBMITTING, Status.FAILED, Status.MISSED}
)
"""Where a worker has nothing to do with a publication any more, or nothing yet."""


@pytest.fixture
async def siege(database_url: str, tmp_path: Path) -> AsyncIterator[Siege]:
    async with laid(database_url, tmp_path) as siege:
        yield siege


class Careless(SessionLock):
    """A worker that takes a lease that has run out for a proof, as most queues do."""

    async def is_gone(self, db: Db, worker: str) -> bool:
        return True


@dataclass
class Heir:
    """A worker in this process, which takes over what it may."""

    siege: Siege
    publisher: Publisher
    taken: int = 0

    async def row(self, row_id: UUID) -> Publication:
        async with self.siege.besieged.store.reading() as db:
            row = await db.get(Publication, row_id)
            assert row is not None
            return row

    async def status(self, row_id: UUID) -> Status:
        return Status((await self.row(row_id)).status)

    async def take_over(self, row_id: UUID) -> None:
        """Recover what a dead worker left, and publish one if it is there to be published."""
        self.taken += await recover(self.publisher, "expired")
        await until(lambda: self._publish(row_id))

    async def _publish(self, row_id: UUID) -> bool:
        await publish(self.publisher, row_id)
        return await self.status(row_id) in CONTENTED


@asynccontextmanager
async def heir_of(siege: Siege, lock: type[SessionLock] = SessionLock) -> AsyncIterator[Heir]:
    store, outbound = siege.besieged.store, Outbound(LOOPBACK)
    liveness = lock(store, "heir")
    await liveness.start()
    try:
        publisher = Publisher(
            store=store,
            ring=RING,
            blobs=FolderBlobs(siege.besieged.service.folder / "media"),
            connectors=connectors(outbound),
            base_url="http://pilar.test",
            liveness=liveness,
            lease_seconds=LEASE,
            now=read_clock,
        )
        yield Heir(siege, publisher)
    finally:
        await liveness.stop()
        await outbound.aclose()


def pausing(siege: Siege, *, dies: bool = False) -> Pausing:
    """Return a worker that sends one after the other, and stops before each."""
    settings = siege.settings | {"PILAR_LEASE_SECONDS": str(LEASE), "PILAR_CONCURRENCY": "1"}
    besieged = siege.besieged
    given = {"chance": None, "dies": dies}
    place = (besieged.service.folder, besieged.service.url)
    return Pausing(*place, ("worker",), settings, name="paused", given=given)


async def intended(siege: Siege) -> UUID:
    """Return the publication whose intent is written."""
    async with siege.besieged.store.reading() as db:
        found = [each for each in siege.placed if await _is_intended(db, each)]
    (row_id,) = found
    return row_id


async def _is_intended(db: Db, row_id: UUID) -> bool:
    row = await db.get(Publication, row_id)
    return row is not None and row.status == Status.SUBMITTING


async def pause_each(siege: Siege, heir: Heir, *kinds: str) -> dict[str, tuple[str, int]]:
    """Pause a worker before its first request to each class until an heir had its chance.

    Returns how each ended, and how many posts are live.
    """
    siege.dice = random.Random(1)  # which makes no thread of it
    await siege.open(1, kinds, well=1.0)
    await siege.place(1, 0)
    victim = pausing(siege)
    try:
        await victim.start()
        for _ in siege.placed:
            await victim.until_stopped()
            row_id = await intended(siege)
            await asyncio.sleep(LEASE + 0.1)
            await heir.take_over(row_id)
            victim.go_on()
            await until(partial(answered, siege, row_id))
        await siege.settle_down()
        assert await victim.stop() == 0
    finally:
        await victim.kill()
    return {end.placed.kind: (end.status, sum(end.live)) for end in await siege.ends()}


async def answered(siege: Siege, row_id: UUID) -> bool:
    """Say whether the platform has a post."""
    where = siege.placed[row_id]
    return where.texts[0] in {post.text for post in siege.shore.posts(where.place)}


async def test_a_pause_that_outlasts_the_lease_doubles_nothing(siege: Siege) -> None:
    async with heir_of(siege) as heir:
        found = await pause_each(siege, heir, *SHORE)

    # What nobody can ask may be for a person: its call did not end in time.
    assert found.pop("blind") in {("published", 1), ("needs_review", 1)}
    assert found == dict.fromkeys(("idem", "handle", "search"), ("published", 1))
    assert heir.taken == 0


async def test_what_left_after_a_pause_is_given_time_to_be_found(siege: Siege) -> None:
    siege.dice = random.Random(1)  # which makes no thread of it
    await siege.open(1, ["search"], well=1.0)
    await siege.shore.tell(
        place="*", terms={"index_seconds": SHORE["search"][0].settle_seconds / 2}
    )
    await siege.place(1, 0)
    victim = pausing(siege, dies=True)

    async with heir_of(siege) as heir:
        await victim.start()
        await victim.until_stopped()
        row_id = await intended(siege)
        await asyncio.sleep(2 * LEASE)
        victim.go_on()
        await until(lambda: not victim.alive)
        await heir.take_over(row_id)
        await siege.settle_down()

    assert [(end.status, end.live) for end in await siege.ends()] == [("published", (1,))]
    assert heir.taken == 1


async def test_a_lease_without_a_sign_of_life_doubles(siege: Siege) -> None:
    async with heir_of(siege, Careless) as heir:
        found = await pause_each(siege, heir, "search")

    assert found == {"search": ("published", 2)}
    assert heir.taken == 1


async def wake(siege: Siege, worker: Pausing) -> None:
    """Let a worker go on, for ever, each time that it was stopped for longer than its lease."""
    while True:
        await asyncio.sleep(0.05)
        if worker.is_stopped:
            await asyncio.sleep(LEASE_SECONDS * (1 + siege.dice.random()))
            worker.go_on()
            siege.kills += 1


async def harass(siege: Siege, worker: Pausing) -> None:
    """Stop a worker at any moment, for ever; it also stops itself, right before the wire.

    It is left alone for as long as it is paused: eight calls in a row that do not end in time
    would be too many for one publication.
    """
    while True:
        await asyncio.sleep(LEASE_SECONDS * (1 + siege.dice.random()))
        if not worker.is_stopped:
            worker.send(signal.SIGSTOP)


@asynccontextmanager
async def going_on(deeds: Iterable[Coroutine[None, None, None]]) -> AsyncIterator[None]:
    """Do deeds until the end of the block."""
    tasks = [asyncio.create_task(each) for each in deeds]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.chaos
@pytest.mark.own_database
async def test_many_pauses_at_any_moment_double_nothing(siege: Siege) -> None:
    await siege.open(2)
    workers = [pausing(siege) for _ in range(WORKERS)]
    for number, worker in enumerate(workers):
        worker.name, worker.settings = f"worker-{number}", siege.settings
        worker.given = {"chance": 0.1, "dies": False}

    try:
        await asyncio.gather(*(worker.start() for worker in workers))
        async with going_on(wake(siege, each) for each in workers):
            async with going_on(harass(siege, each) for each in workers):
                while siege.kills < PAUSES:
                    await siege.place(1, LEASE_SECONDS)
                    await asyncio.sleep(LEASE_SECONDS)
            await siege.settle_down()
        for worker in workers:
            worker.go_on()
        assert [await worker.stop() for worker in workers] == [0] * WORKERS
    finally:
        await asyncio.gather(*(worker.kill() for worker in workers))

    found = await siege.ends()
    print(f"{siege.kills} pauses, {len(found)} publications: {tally(found)}")
    assert [end for end in found if end.faults and not is_exhausted(end)] == []
    assert siege.shore.violations() == []


def is_exhausted(end: End) -> bool:
    """Say whether a person is asked because each of the attempts that there may be was paused."""
    return end.faults == {"flagged"} and end.attempts >= FAILURES_MAX
