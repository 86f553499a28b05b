"""The engine's patience: leases that are lengthened, paces, breakers, polls, silent workers."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from planner.holds import Reach, Scope
from planner.pace import TRIPS_AFTER, Pace
from planner.platforms import PLATFORMS, Idempotency
from schedulers.connector import (
    Absent,
    Accepted,
    CannotTell,
    HandedOver,
    Outcome,
    Outgoing,
    Prepared,
    Published,
    Refused,
    TryLater,
    Unknown,
)
from schedulers.publishing import publish
from schedulers.settling import ASKED_FOR
from schedulers.sweeping import recover
from store import claims, dispatch, holds, workspaces
from store.audit import CLI
from store.blobs import FolderBlobs
from store.db import Db
from store.liveness import Alone
from tests.world import Scripted, World

LEASE = timedelta(seconds=120)


@dataclass
class Asked(Scripted):
    """A platform that can also be asked, and prepared."""

    found: list[Any] = field(default_factory=list)
    asked: list[Outgoing] = field(default_factory=list)

    async def reconcile(self, outgoing: Outgoing, now: datetime) -> Any:
        self.asked.append(outgoing)
        return self.found.pop(0)

    async def poll(self, outgoing: Outgoing, now: datetime) -> Any:
        self.asked.append(outgoing)
        return self.found.pop(0)


@pytest.fixture
def harbour() -> Iterator[None]:
    """A platform that can be asked, and is slow."""
    base = PLATFORMS["webhook"]
    PLATFORMS["harbour"] = replace(
        base,
        name="harbour",
        idempotency=Idempotency.RECONCILABLE,
        idempotent_if=None,
        settings=(),
        credentials=(),
        settle_seconds=60,
        wire_seconds=3600,
        channel_pace=Pace(2, 60, burst=2),
    )
    yield
    del PLATFORMS["harbour"]


pytestmark = pytest.mark.usefixtures("harbour")


async def now_what(world: World, row_id: Any) -> tuple[str, str | None]:
    row = await world.row(row_id)
    return row.status, row.reason


async def test_what_nobody_knows_is_asked_after_and_found(world: World, blobs: FolderBlobs) -> None:
    there = Asked([Unknown("reset")], found=[Published("17", None)])
    row_id = await world.due(await world.channel(platform="harbour"))
    publisher = world.publisher({"harbour": there}, blobs)

    await publish(publisher, row_id)
    await publish(publisher, row_id)  # too early: it may not be found yet
    early = list(there.asked)
    world.clock.forward(seconds=61)
    await publish(publisher, row_id)

    row = await world.row(row_id)
    assert (early, len(there.sent), len(there.asked)) == ([], 1, 1)
    assert (row.status, row.remote_id, row.unproved) == ("published", "17", False)
    assert (await world.steps(row_id))[-2:] == [("claimed", None), ("published", "found")]


async def test_what_is_not_there_is_sent_again(world: World, blobs: FolderBlobs) -> None:
    there = Asked([Unknown("reset")], found=[CannotTell("busy"), Absent({"looked": 3})])
    row_id = await world.due(await world.channel(platform="harbour"))
    publisher = world.publisher({"harbour": there}, blobs)

    for _ in range(3):
        await publish(publisher, row_id)
        world.clock.forward(minutes=2)

    row = await world.row(row_id)
    assert (row.status, len(there.sent), row.attempts) == ("published", 2, 2)
    assert {sent.key for sent in there.sent} == {f"{row_id}-0"}


async def test_a_platform_at_work_is_asked_until_it_says_something(
    world: World, blobs: FolderBlobs
) -> None:
    said = [Accepted("h", 30), Unknown("answer_timeout"), Published("17", "https://x.example/17")]
    there = Asked([Accepted("h", 10)], found=said)
    row_id = await world.due(await world.channel(platform="harbour"))
    publisher = world.publisher({"harbour": there}, blobs)

    await publish(publisher, row_id)
    for _ in range(4):
        world.clock.forward(minutes=1)
        async with world.store.reading() as db:
            for each in await dispatch.due(db, world.clock(), 10):
                await publish(publisher, each)

    assert [asked.handle for asked in there.asked] == ["h", "h", "h"]
    assert await now_what(world, row_id) == ("published", None)
    assert len(there.sent) == 1


async def test_a_platform_that_never_says_anything_is_for_a_person(
    world: World, blobs: FolderBlobs
) -> None:
    there = Asked([Accepted("h", 10)], found=[Unknown("answer_timeout"), Accepted("h", 10)])
    row_id = await world.due(await world.channel(platform="harbour"))
    publisher = world.publisher({"harbour": there}, blobs)
    await publish(publisher, row_id)
    world.clock.forward(minutes=1)
    await publish(publisher, row_id)

    world.clock.now += ASKED_FOR
    await publish(publisher, row_id)

    assert await now_what(world, row_id) == ("needs_review", "gave_up_asking")


@pytest.mark.parametrize(
    ("answer", "end"),
    [
        (HandedOver({}), ("handed_over", None)),
        (Refused("rejected", "nudity"), ("failed", "rejected")),
    ],
)
async def test_what_a_platform_says_in_the_end_counts(
    world: World, blobs: FolderBlobs, answer: Outcome, end: tuple[str, str | None]
) -> None:
    there = Asked([Accepted("h", 10)], found=[answer])
    row_id = await world.due(await world.channel(platform="harbour"))
    publisher = world.publisher({"harbour": there}, blobs)

    await publish(publisher, row_id)
    world.clock.forward(minutes=1)
    await publish(publisher, row_id)

    assert await now_what(world, row_id) == end


async def test_a_channel_keeps_its_pace_and_its_order(world: World, blobs: FolderBlobs) -> None:
    there = Asked()
    channel = await world.channel(platform="harbour")
    rows = [await world.placed(await world.post(f"{n}."), channel) for n in range(4)]
    world.clock.forward(minutes=1)
    publisher = world.publisher({"harbour": there}, blobs)

    times = []
    for _ in range(200):
        async with world.store.reading() as db:
            for each in await dispatch.due(db, world.clock(), 10):
                before = len(there.sent)
                await publish(publisher, each)
                times += [world.clock()] * (len(there.sent) - before)
        world.clock.forward(seconds=1)

    gaps = [round((later - first).total_seconds()) for first, later in pairwise(times)]
    assert [sent.publication_id for sent in there.sent] == rows
    assert gaps[0] <= 1, gaps
    assert 29 <= sum(gaps[:2]) <= 42, gaps
    assert 59 <= sum(gaps) <= 82, gaps
    assert [(await world.row(row)).attempts for row in rows] == [1, 1, 1, 1]


async def test_a_rate_limit_is_no_attempt_and_the_whole_channel_waits(
    world: World, blobs: FolderBlobs
) -> None:
    there = Scripted([TryLater("rate_limited", 300, counts=False)])
    channel = await world.channel()
    first = await world.placed(await world.post("A."), channel)
    second = await world.placed(await world.post("B."), channel)
    world.clock.forward(minutes=1)
    publisher = world.publisher({"feed": there}, blobs)

    await publish(publisher, first)
    world.clock.forward(seconds=290)
    async with world.store.reading() as db:
        resting = await dispatch.due(db, world.clock(), 10)
    world.clock.forward(seconds=11)
    async with world.store.reading() as db:
        rested = await dispatch.due(db, world.clock(), 10)

    row = await world.row(first)
    assert (row.status, row.failures) == ("scheduled", 0)
    assert (resting, rested) == ([], [first])
    assert second not in rested


async def test_a_channel_that_is_not_served_rests_and_is_tried_once(
    world: World, blobs: FolderBlobs
) -> None:
    random.seed(4)  # how long each waits is drawn
    there = Scripted([TryLater("connect_failed", None, counts=True)] * (TRIPS_AFTER + 1))
    channel = await world.channel()
    rows = [await world.placed(await world.post(f"{n}."), channel) for n in range(3)]
    world.clock.forward(minutes=1)
    publisher = world.publisher({"feed": there}, blobs)

    async def tried(seconds: int) -> int:
        before = len(there.sent)
        for _ in range(seconds):
            async with world.store.reading() as db:
                for each in await dispatch.due(db, world.clock(), 10):
                    await publish(publisher, each)
            world.clock.forward(seconds=1)
        return len(there.sent) - before

    while len(there.sent) < TRIPS_AFTER:
        await tried(1)
    async with world.store.reading() as db:
        held = await dispatch.due(db, world.clock(), 10)
    waited = 0
    while not await tried(1):
        waited += 1
    rested = await tried(29)
    await tried(200)

    assert (held, rested) == ([], 0)
    assert 14 <= waited <= 60
    assert [(await world.row(row)).status for row in rows] == ["published"] * 3
    async with world.store.reading() as db:
        after = await db.get(type(channel), channel.id)
    assert after is not None
    assert (after.failures, after.rests_until) == (0, None)


class Slow:
    """A platform whose uploads take longer than a lease."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.ended = False

    async def prepare(self, outgoing: Outgoing, now: datetime) -> Prepared:
        await asyncio.sleep(self.seconds)
        return Prepared("h")

    async def publish(self, outgoing: Outgoing, now: datetime) -> Published:
        self.ended = True
        return Published("17", None)

    async def reconcile(self, outgoing: Outgoing, now: datetime) -> Absent:
        return Absent()


async def test_a_long_upload_lengthens_its_lease(world: World, blobs: FolderBlobs) -> None:
    there = Slow(1.5)
    row_id = await world.due(await world.channel(platform="harbour"))

    await publish(world.publisher({"harbour": there}, blobs, lease_seconds=1), row_id)

    assert await now_what(world, row_id) == ("published", None)


async def test_a_lease_that_cannot_be_lengthened_ends_the_call(
    world: World, blobs: FolderBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unreachable(*_: object) -> bool:
        raise OSError("the database is gone")

    monkeypatch.setattr(claims, "extend", unreachable)
    there = Slow(5)
    row_id = await world.due(await world.channel(platform="harbour"))

    await publish(world.publisher({"harbour": there}, blobs, lease_seconds=1), row_id)

    row = await world.row(row_id)
    assert (there.ended, row.status, row.reason, row.failures) == (False, "scheduled", "timeout", 1)


class Deaf(Alone):
    """A process that cannot prove that any other has ended."""

    async def is_gone(self, db: Db, worker: str) -> bool:
        return False


async def test_a_worker_that_is_silent_and_not_gone_is_waited_for_an_hour(
    world: World, blobs: FolderBlobs
) -> None:
    row_id = await world.due(await world.channel())
    claim = await claims.claim(world.store, row_id, Alone("silent"), LEASE, world.clock())
    assert claim is not None
    assert await claims.intend(world.store, claim, Alone("silent"), world.clock())
    heir = replace(world.publisher({"feed": Scripted()}, blobs), liveness=Deaf("heir"))
    world.clock.forward(minutes=61)

    early = await recover(heir, "expired")
    waiting = await now_what(world, row_id)
    world.clock.forward(minutes=2)
    late = await recover(heir, "expired")

    assert (early, waiting) == (0, ("submitting", None))
    assert (late, await now_what(world, row_id)) == (1, ("needs_review", "lock_held"))


class Lost(Alone):
    """A process whose lock is gone."""

    async def holds(self, db: Db, worker: str) -> bool:
        return False


async def test_a_worker_that_lost_its_lock_writes_no_intent(
    world: World, blobs: FolderBlobs
) -> None:
    there = Scripted()
    row_id = await world.due(await world.channel())
    publisher = replace(world.publisher({"feed": there}, blobs), liveness=Lost("w1"))

    await publish(publisher, row_id)

    assert (there.sent, await now_what(world, row_id)) == ([], ("scheduled", "lock_lost"))


async def test_a_thread_that_is_held_half_way_is_for_a_person(
    world: World, blobs: FolderBlobs
) -> None:
    class Thread(Scripted):
        def steps(self, words: Any) -> int:
            return len(words.parts)

        async def publish(self, outgoing: Outgoing, now: datetime) -> Outcome:
            outcome = await super().publish(outgoing, now)
            if outgoing.step == 0:
                async with world.store.transaction() as db:
                    workspace = await workspaces.lock(db, world.slug)
                    reach = Reach(Scope.WORKSPACE)
                    await holds.place(db, workspace, CLI, reach, "krisis", now)
            return outcome

    there = Thread()
    parts = [{"text": f"{n}.", "media": []} for n in range(3)]
    post = await world.post(parts=parts, format="thread")
    row_id = await world.placed(post, await world.channel())
    world.clock.forward(minutes=1)

    await publish(world.publisher({"feed": there}, blobs), row_id)

    row = await world.row(row_id)
    assert (row.status, row.reason, row.step, len(there.sent)) == ("needs_review", "held", 1, 1)
    assert [done["remote_id"] for done in row.steps_done or []] == ["remote"]
