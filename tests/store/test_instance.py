"""The instance: its keys, its clock, and what waits in it."""

import asyncio
from datetime import timedelta

import pytest

from planner.publications import Status
from store import instance
from store.db import Store
from store.instance import BadDatabaseUrl, DatabaseUnreachable, LateRow, WrongKeys
from store.vault import KeyRing
from tests.conftest import RING, Clock
from tests.world import World

OTHER = KeyRing.parse("k1:" + "B" * 43)
ANOTHER_ID = KeyRing.parse("k9:" + "A" * 43)


async def clock_at(store: Store) -> object:
    async with store.reading() as db:
        return await instance.clock_at(db)


async def test_the_first_keys_are_the_right_ones(store: Store, clock: Clock) -> None:
    begun_before = await instance.is_begun(store)

    await instance.check_keys(store, RING, clock())

    await instance.check_keys(store, RING, clock())
    assert (begun_before, await instance.is_begun(store)) == (False, True)


@pytest.mark.parametrize(
    ("ring", "reason"), [(OTHER, "tampered"), (ANOTHER_ID, "unknown-key")], ids=str
)
async def test_other_keys_are_wrong(store: Store, clock: Clock, ring: KeyRing, reason: str) -> None:
    await instance.check_keys(store, RING, clock())

    with pytest.raises(WrongKeys) as refusal:
        await instance.check_keys(store, ring, clock())

    assert refusal.value.facts == {"reason": reason}


async def test_of_several_that_begin_at_once_one_counts(
    store: Store, database_url: str, clock: Clock
) -> None:
    others = [Store(database_url) for _ in range(4)]
    rings = [RING, OTHER, RING, OTHER]

    found = await asyncio.gather(
        *(
            instance.check_keys(other, ring, clock())
            for other, ring in zip(others, rings, strict=True)
        ),
        return_exceptions=True,
    )

    for other in others:
        await other.close()
    said = [type(each) for each in found]
    assert said in ([type(None), WrongKeys] * 2, [WrongKeys, type(None)] * 2)


async def test_the_clock_is_noted_at_most_once_a_minute(store: Store, clock: Clock) -> None:
    first = clock()
    await instance.note_tick(store, first)
    before_the_begin = await clock_at(store)
    await instance.check_keys(store, RING, first)

    await instance.note_tick(store, first)
    await instance.note_tick(store, clock.forward(seconds=59))
    within = await clock_at(store)
    await instance.note_tick(store, clock.forward(seconds=1))
    after = await clock_at(store)

    assert (before_the_begin, within, after) == (None, first, first + timedelta(minutes=1))


async def test_what_has_been_due_the_longest_is_late(store: Store, clock: Clock) -> None:
    world = await World.found(store, clock)
    oldest = await world.due(await world.channel("lama"))
    await world.due(await world.channel("baru"))
    due_at = (await world.row(oldest)).due_at

    async with store.reading() as db:
        found = await instance.late(db, clock())
        earlier = await instance.late(db, due_at - timedelta(seconds=1))
        counted = await instance.rows_per_state(db)

    assert found == LateRow(oldest, "lama", due_at)
    assert earlier is None
    assert counted == {Status.SCHEDULED: 2}


@pytest.mark.parametrize(
    "url", ["", "nonsense", "mysql://u:p@host/name", "sqlite:///x.db", "postgresql://host/name"]
)
def test_only_the_drivers_that_are_tested_are_opened(url: str) -> None:
    with pytest.raises(BadDatabaseUrl) as refusal:
        instance.open_store(url)

    assert refusal.value.facts == {}


async def test_a_database_that_is_not_there_is_unreachable() -> None:
    store = instance.open_store("postgresql+psycopg://pilar:rahasia@127.0.0.1:1/pilar")

    with pytest.raises(DatabaseUnreachable) as refusal:
        await instance.reach(store)

    await store.close()
    assert "rahasia" not in str(refusal.value.facts)


async def test_a_database_says_what_it_is(store: Store, database: str) -> None:
    said = await instance.reach(store)

    assert said.lower().startswith(database)
