"""What nobody knows: crashes, keys that are forgotten, a database that is away."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy.exc import OperationalError

from planner.platforms import Idempotency
from planner.publications import Status
from schedulers.connector import Done, TryLater, Unknown
from schedulers.publishing import publish
from schedulers.settling import FAILURES_MAX, Standing, after_crash
from schedulers.sweeping import recover
from store import claims
from store.blobs import FolderBlobs
from store.db import Db, Store
from store.liveness import Alone
from tests.schedulers.wires import DUE
from tests.world import Scripted, World

LEASE = timedelta(seconds=120)
BLIND = {"url": "https://x.example"}


async def crash(world: World, row_id: UUID, name: str, *, intent: bool) -> None:
    """Claim a publication, and end without a word."""
    claim = await claims.claim(world.store, row_id, Alone(name), LEASE, world.clock())
    assert claim is not None
    if intent:
        assert await claims.intend(world.store, claim, Alone(name), world.clock())


async def test_what_may_be_live_is_repeated_after_crashes_as_often_as_after_failures(
    world: World, blobs: FolderBlobs
) -> None:
    row_id = await world.due(await world.channel())
    heir, statuses = world.publisher({}, blobs, worker="heir"), []

    for n in range(FAILURES_MAX):
        await crash(world, row_id, f"dead{n}", intent=n % 2 == 0)
        await recover(heir, "others")
        statuses.append((await world.row(row_id)).status)
        world.clock.forward(hours=1)

    assert statuses == ["scheduled"] * (FAILURES_MAX - 1) + ["needs_review"]


@pytest.mark.parametrize(("done", "last"), [((), 3), ((Done(0, "one", None),), FAILURES_MAX)])
def test_a_thread_that_is_live_in_part_is_tried_more_often(
    done: tuple[Done, ...], last: int
) -> None:
    standing = Standing(Status.CLAIMED, Idempotency.IDEMPOTENT, done=done)

    ends = [after_crash(standing, n, DUE).after for n in range(1, last + 1)]

    assert ends == [Status.SCHEDULED] * (last - 1) + [Status.FAILED]


async def test_crashes_count_only_in_a_row(world: World, blobs: FolderBlobs) -> None:
    platform = Scripted([TryLater("busy", None, counts=True)])
    row_id = await world.due(await world.channel())
    publisher = world.publisher({"feed": platform}, blobs, worker="heir")

    for n in range(2):
        await crash(world, row_id, f"dead{n}", intent=False)
        await recover(publisher, "others")
    await publish(publisher, row_id)
    world.clock.forward(minutes=2)
    await crash(world, row_id, "dead2", intent=False)
    await recover(publisher, "others")

    row = await world.row(row_id)
    assert (row.status, row.crashes) == ("scheduled", 1)


@pytest.mark.parametrize(("seconds", "sent"), [(3_000, 2), (3_600 - LEASE.seconds, 1)])
async def test_nothing_is_repeated_that_might_arrive_when_its_key_is_forgotten(
    world: World, blobs: FolderBlobs, seconds: int, sent: int
) -> None:
    platform = Scripted([Unknown("reset")])
    row_id = await world.due(await world.channel(platform="manual"))
    publisher = world.publisher({"manual": platform}, blobs)

    await publish(publisher, row_id)
    world.clock.forward(seconds=seconds)
    await publish(publisher, row_id)

    status = (await world.row(row_id)).status
    assert (len(platform.sent), status) == (sent, "published" if sent == 2 else "needs_review")


class Away(Store):
    """A database that is away for a while, once something was sent."""

    platform: Scripted
    times = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Db]:
        async with super().transaction() as db:
            yield db
            if self.platform.sent and self.times < 2:
                self.times += 1
                raise OperationalError("COMMIT", None, Exception("server closed the connection"))


async def test_an_answer_is_kept_until_the_database_is_back(
    world: World, blobs: FolderBlobs, database_url: str
) -> None:
    away, platform = Away(database_url), Scripted()
    away.platform = platform
    row_id = await world.due(await world.channel(platform="webhook", settings=BLIND))

    await publish(replace(world.publisher({"webhook": platform}, blobs), store=away), row_id)
    await away.close()

    assert (away.times, (await world.row(row_id)).status) == (2, "published")
