"""Links that a platform fetches by: used or called off, whichever comes first."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from planner.publications import Status
from store import pulls
from store.db import Store
from store.links import NoSuchLink
from store.pulls import Link
from store.tables import Publication
from tests.conftest import RING, Clock
from tests.world import World

HANDLE = "pull-satu"
TRIES = 20


@pytest.fixture
async def world(store: Store, clock: Clock) -> World:
    return await World.found(store, clock)


async def on_its_way(world: World, status: Status = Status.SUBMITTING) -> Publication:
    """Return a publication that is being sent."""
    row = await world.due(await world.channel(f"k{uuid4().hex[:8]}"))
    async with world.store.transaction() as db:
        found = await db.get_one(Publication, row)
        found.status = status
    return found


async def fetched(world: World, link: Link, signature: str | None = None) -> UUID | None:
    """Fetch as a platform does; return what it gets, None where there is nothing."""
    path = pulls.pull_path(RING, link.publication_id, link.handle, link.media_id, until(link))
    signed = signature or path.rpartition("/")[2]
    try:
        async with world.store.transaction() as db:
            media = await pulls.fetch(db, RING, link, signed, world.clock())
            return media.id
    except NoSuchLink:
        return None


def until(link: Link) -> datetime:
    return datetime.fromtimestamp(link.until).astimezone()


async def link_of(world: World, row: Publication, handle: str = HANDLE) -> Link:
    media = await world.media(uuid4().hex * 2)
    ends = int((world.clock() + timedelta(hours=2)).timestamp())
    return Link(row.id, handle, media, ends)


async def test_what_was_fetched_cannot_be_called_off(world: World) -> None:
    row = await on_its_way(world)
    link, begun = await link_of(world, row), world.clock()

    first = await fetched(world, link)
    world.clock.forward(seconds=5)
    again = await fetched(world, link)
    since = await pulls.recall(world.store, row, HANDLE, world.clock())
    after = await fetched(world, link)

    assert (first, again, since, after) == (link.media_id, link.media_id, begun, link.media_id)


async def test_what_was_called_off_cannot_be_fetched(world: World) -> None:
    row = await on_its_way(world)
    mine, other = await link_of(world, row), await link_of(world, row, "pull-dua")

    since = await pulls.recall(world.store, row, HANDLE, world.clock())
    again = await pulls.recall(world.store, row, HANDLE, world.clock())

    assert (since, again, await fetched(world, mine)) == (None, None, None)
    assert await fetched(world, other) == other.media_id


@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.PUBLISHED, Status.CANCELLED])
async def test_what_is_not_on_its_way_is_not_to_be_fetched(world: World, status: Status) -> None:
    row = await on_its_way(world, status)

    assert await fetched(world, await link_of(world, row)) is None


async def test_a_link_that_was_not_signed_here_or_is_over_leads_nowhere(world: World) -> None:
    row = await on_its_way(world)
    link = await link_of(world, row)

    forged = await fetched(world, link, "A" * 43)
    elsewhere = await fetched(world, Link(row.id, HANDLE, row.id, link.until))
    world.clock.forward(hours=2, seconds=1)

    assert (forged, elsewhere, await fetched(world, link)) == (None, None, None)


async def test_one_of_both_comes_first_however_close_they_are(world: World) -> None:
    row = await on_its_way(world)
    ends = []
    for number in range(TRIES):
        handle = f"pull-{number}"
        link = await link_of(world, row, handle)
        got, since = await asyncio.gather(
            fetched(world, link), pulls.recall(world.store, row, handle, world.clock())
        )
        ends.append((got is None, since is None))

    assert set(ends) <= {(True, True), (False, False)}
