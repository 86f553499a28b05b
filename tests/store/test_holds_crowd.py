"""Many workers write intents while somebody says stop: none slips by."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from sqlmodel import col, select

from planner.publications import Status
from store import holds, instance
from store.db import Store
from store.tables import Publication
from tests.conftest import RING, Clock
from tests.store.test_holds import hold, sent
from tests.world import World

Stop = Callable[[World], Awaitable[list[UUID]]]

WORKERS = 4


@pytest.fixture
async def world(store: Store, clock: Clock) -> World:
    await instance.check_keys(store, RING, clock())
    return await World.found(store, clock)


async def race(world: World, stop: Stop, after: int) -> tuple[set[UUID], set[UUID]]:
    """Let workers send twelve posts, and say stop once `after` intents are there.

    Returns what the stop listed as on the wire, and what had an intent in the end.
    """
    waiting = []
    for number in range(12):
        post, channel = await world.post(f"Isi {number}."), await world.channel(f"k{number}")
        waiting.append(await world.placed(post, channel))
    world.clock.forward(minutes=1)
    gone: list[UUID] = []
    enough = asyncio.Event()

    async def work() -> None:
        while waiting:
            each = waiting.pop()
            if await sent(world, each):
                gone.append(each)
            if len(gone) >= after:
                enough.set()

    async with asyncio.TaskGroup() as group:
        for _ in range(WORKERS):
            group.create_task(work())
        await enough.wait()
        listed = await stop(world)
    return set(listed), set(gone)


async def stop_workspace(world: World) -> list[UUID]:
    return [UUID(each) for each in (await hold(world)).on_the_wire]


async def stop_instance(world: World) -> list[UUID]:
    cases = await holds.hold_all(world.store, "Gempa", world.clock())
    return [case.publication_id for case in cases]


STOPS = {"workspace": stop_workspace, "instance": stop_instance}


@pytest.mark.parametrize("stop", STOPS.values(), ids=STOPS)
@pytest.mark.parametrize("after", [1, 4, 8])
@pytest.mark.untraced
async def test_every_intent_is_on_the_wire_or_sees_the_hold(
    world: World, stop: Stop, after: int
) -> None:
    listed, gone = await race(world, stop, after)

    assert listed == gone
    async with world.store.reading() as db:
        rows = (await db.exec(select(Publication))).all()
    assert {row.id: row.status for row in rows} == {
        row.id: "submitting" if row.id in gone else "missed" for row in rows
    }


@pytest.mark.untraced
async def test_a_list_that_is_made_before_the_hold_commits_is_caught(world: World) -> None:
    """The canary: a stop that looks at what is on the wire first, and holds then."""

    async def careless(world: World) -> list[UUID]:
        on_the_wire = col(Publication.status) == Status.SUBMITTING
        async with world.store.reading() as db:
            listed = (await db.exec(select(Publication.id).where(on_the_wire))).all()
        await asyncio.sleep(0.1)
        await hold(world)
        return list(listed)

    listed, gone = await race(world, careless, 1)

    assert gone - listed
