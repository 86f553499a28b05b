"""The way to a platform and back in the database: once, and under whichever key."""

import asyncio
from datetime import timedelta

import pytest
from sqlmodel import select

from store import connecting, workspaces
from store.connecting import LIFETIME, NoSuchAuthorization, OtherBrowser
from store.db import Store
from store.tables import Authorization, Channel
from store.vault import KeyRing
from tests.conftest import RING, Clock
from tests.world import World

NEWER = KeyRing.parse("k2:" + "B" * 43 + ",k1:" + "A" * 43)
OTHER = KeyRing.parse("k2:" + "B" * 43)


@pytest.fixture
async def world(store: Store, clock: Clock) -> World:
    return await World.found(store, clock)


async def ticket(world: World, ring: KeyRing = RING) -> tuple[Channel, str]:
    channel = await world.channel()
    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        now = world.clock()
        _, made = await connecting.give_ticket(
            db, ring, workspace, world.writer, channel, None, now
        )
    return channel, made


async def rows(store: Store) -> list[Authorization]:
    async with store.reading() as db:
        return list((await db.exec(select(Authorization))).all())


async def test_a_way_that_begins_under_one_key_ends_under_the_next(world: World) -> None:
    channel, made = await ticket(world)
    store, now = world.store, world.clock()

    departure = await connecting.start(store, NEWER, made, None, now)
    arrival = await connecting.finish(store, NEWER, departure.state, departure.browser, now)

    assert (arrival.verifier, len(arrival.verifier)) == (departure.verifier, 64)
    assert (arrival.channel.id, arrival.actor) == (channel.id, world.writer)
    assert await rows(store) == []


async def test_a_way_whose_key_is_gone_leads_nowhere(world: World) -> None:
    _, made = await ticket(world)
    store, now = world.store, world.clock()
    departure = await connecting.start(store, RING, made, None, now)

    with pytest.raises(NoSuchAuthorization):
        await connecting.finish(store, OTHER, departure.state, departure.browser, now)

    assert len(await rows(store)) == 1


async def test_ten_who_use_a_ticket_at_once_are_one(world: World) -> None:
    _, made = await ticket(world)

    ways = await asyncio.gather(
        *(connecting.start(world.store, RING, made, None, world.clock()) for _ in range(10)),
        return_exceptions=True,
    )

    assert (
        sorted(type(each).__name__ for each in ways) == ["Departure"] + ["NoSuchAuthorization"] * 9
    )


@pytest.mark.parametrize("late", [timedelta(), timedelta(seconds=1)])
async def test_the_way_ends_at_an_instant(world: World, late: timedelta) -> None:
    _, made = await ticket(world)
    began, store = world.clock(), world.store
    end = began + LIFETIME
    departure = await connecting.start(store, RING, made, None, end - timedelta(seconds=1))

    with pytest.raises(NoSuchAuthorization):
        await connecting.finish(store, RING, departure.state, departure.browser, end + late)

    assert await rows(store) == []


@pytest.mark.parametrize("browser", ["", "x", "state"])
async def test_a_refused_browser_ends_the_way_for_good(world: World, browser: str) -> None:
    _, made = await ticket(world)
    store, now = world.store, world.clock()
    departure = await connecting.start(store, RING, made, None, now)

    with pytest.raises(OtherBrowser):
        await connecting.finish(
            store, RING, departure.state, departure.state if browser == "state" else browser, now
        )

    assert await rows(store) == []


async def test_nothing_that_a_person_carries_stands_in_the_row(world: World) -> None:
    _, made = await ticket(world)
    departure = await connecting.start(world.store, RING, made, None, world.clock())

    (row,) = await rows(world.store)

    kept = repr(row.model_dump())
    carried = (made, departure.state, departure.browser, departure.verifier)
    assert [each for each in carried if each in kept] == []
    assert [each for each in carried if each in repr(departure)] == []
