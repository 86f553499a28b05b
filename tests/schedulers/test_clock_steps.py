"""Clocks that step by an hour, nights of 23 and 25 hours: all goes out once, and on time."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from schedulers.connector import Outcome, Outgoing, Published
from schedulers.publishing import publish
from schedulers.sweeping import recover, sweep
from store import dispatch, workspaces
from store.blobs import FolderBlobs
from store.db import Db
from store.liveness import Alone
from store.placing import When, place
from tests.conftest import Clock
from tests.world import World

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@dataclass
class Timed:
    """A platform that notes what the clock says when it gets a post."""

    clock: Clock
    at: dict[UUID, list[datetime]] = field(default_factory=dict)

    async def publish(self, outgoing: Outgoing, now: datetime) -> Outcome:
        self.at.setdefault(outgoing.publication_id, []).append(self.clock())
        return Published("remote", None)


async def tick(world: World, publisher: Any) -> None:
    """Publish what is due, and sweep."""
    while True:
        async with world.store.reading() as db:
            due = await dispatch.due(db, world.clock(), 100)
        for each in due:
            await publish(publisher, each)
        if not due:
            break
    await recover(publisher, "expired")
    await sweep(publisher)


# Nights.

NIGHTS = {
    "23 hours": ("Europe/Berlin", datetime(2026, 3, 28, 22, 0, tzinfo=UTC)),
    "25 hours": ("Europe/Berlin", datetime(2026, 10, 24, 21, 0, tzinfo=UTC)),
    "24 hours": ("Asia/Jakarta", datetime(2026, 3, 28, 16, 0, tzinfo=UTC)),
}


def readings(zone: ZoneInfo, begins: datetime) -> Mapping[datetime, datetime]:
    """Return what a wall clock shows in each minute of a night, by instant."""
    instants = (begins + n * MINUTE for n in range(9 * 60))
    return {at: at.astimezone(zone).replace(tzinfo=None) for at in instants}


def instant_of(local: datetime, night: Mapping[datetime, datetime]) -> datetime:
    """Return when a wall clock shows a time first; where it never does, the gap later."""
    if shown := [at for at, wall in night.items() if wall == local]:
        return shown[0]
    before = max(
        at
        for (at, wall), (_, later) in pairwise(night.items())
        if wall < local < later and later - wall > MINUTE
    )
    return before + (local - night[before])


@pytest.mark.parametrize(
    ("database", "night"),
    [*(("sqlite", night) for night in NIGHTS), ("postgresql", "25 hours")],
    indirect=["database"],
)
async def test_what_is_due_at_night_goes_out_when_the_wall_clock_says_so(
    world: World, clock: Clock, blobs: FolderBlobs, night: str
) -> None:
    name, clock.now = NIGHTS[night]
    shown = readings(ZoneInfo(name), clock())
    midnight = next(wall for wall in shown.values() if (wall.hour, wall.minute) == (0, 0))
    locals_ = [midnight + n * timedelta(minutes=20) for n in range(2, 14)]
    channel = await world.channel(timezone=name)
    rows = {local: await placed_at(world, channel, local) for local in locals_}
    platform = Timed(clock)
    publisher = world.publisher({"feed": platform}, blobs)

    while clock() < max(shown):
        async with world.store.reading() as db:
            clock.now = await dispatch.next_due(db, clock()) or max(shown)
        await tick(world, publisher)

    wanted = {row: [instant_of(local, shown)] for local, row in rows.items()}
    assert platform.at == wanted


def test_a_night_is_read_right() -> None:
    spring, autumn = (readings(ZoneInfo(zone), at) for zone, at in list(NIGHTS.values())[:2])

    def utc(hour: int, minute: int, day: datetime) -> datetime:
        return day.replace(hour=hour, minute=minute, tzinfo=UTC)

    march, october = datetime(2026, 3, 29), datetime(2026, 10, 25)  # noqa: DTZ001  # wall clocks
    assert instant_of(march.replace(hour=1, minute=59), spring) == utc(0, 59, march)
    assert instant_of(march.replace(hour=2, minute=30), spring) == utc(1, 30, march)
    assert instant_of(march.replace(hour=3), spring) == utc(1, 0, march)
    assert instant_of(october.replace(hour=2, minute=30), autumn) == utc(0, 30, october)
    assert instant_of(october.replace(hour=3), autumn) == utc(2, 0, october)


async def placed_at(world: World, channel: Any, local: datetime) -> UUID:
    post = await world.post(f"{local}.")
    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        when, now = When(local=local), world.clock()
        rows = await place(db, workspace, world.writer, post, [channel], when, now)
        return rows[0].id


# Steps.


def sent_at(clock: list[datetime], due: datetime) -> list[datetime]:
    """Return when a post goes out, by definition: when the clock first says that it is time."""
    return [at for at in clock if at >= due][:1]


@pytest.mark.parametrize(
    ("database", "hours", "there"),
    [
        *(("sqlite", hours, there) for hours in (1, -1) for there in (-61, -60, -59, -1, 0, 1, 59)),
        *(("postgresql", hours, -1) for hours in (1, -1)),
    ],
    indirect=["database"],
)
async def test_a_clock_that_steps_sends_at_its_own_time_and_never_twice(
    world: World, clock: Clock, blobs: FolderBlobs, hours: int, there: int
) -> None:
    due = clock() + 70 * MINUTE
    row = await world.placed(await world.post(), await world.channel(), due)
    platform = Timed(clock)
    publisher = world.publisher({"feed": platform}, blobs)

    seen, fences = [], []
    near = {at + minute for at in (there, there + 65, 0, 60) for minute in (-1, 0, 1)}
    for minute in sorted(near | set(range(-65, 140, 13))):  # by a clock that is right
        wrong = hours * HOUR if there <= minute < there + 65 else timedelta(0)
        clock.now = due + minute * MINUTE + wrong
        seen.append(clock())
        await tick(world, publisher)
        fences.append((await world.row(row)).fence)

    assert platform.at.get(row) == sent_at(seen, due)
    assert fences == sorted(fences)
    assert fences[-1] == 1
    assert (await world.row(row)).status == "published"


class Living(Alone):
    """A process that sees that all others live."""

    async def is_gone(self, db: Db, worker: str) -> bool:
        return False


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("hours", [1, -1])
async def test_a_clock_that_steps_in_the_middle_of_a_call_lets_nobody_take_over(
    world: World, clock: Clock, blobs: FolderBlobs, hours: int
) -> None:
    platform = Timed(clock)
    row = await world.due(await world.channel())
    heir = world.publisher({"feed": platform}, blobs, worker="w2")
    heir = replace(heir, liveness=Living("w2"))

    class Stepping(Timed):
        async def publish(self, outgoing: Outgoing, now: datetime) -> Outcome:
            clock.forward(hours=hours)
            await tick(world, heir)
            return await super().publish(outgoing, now)

    slow = Stepping(clock)
    await publish(world.publisher({"feed": slow}, blobs), row)
    clock.forward(hours=-hours)
    await tick(world, heir)

    assert (list(slow.at), platform.at) == ([row], {})
    assert [(each.status, each.fence) for each in [await world.row(row)]] == [("published", 1)]
