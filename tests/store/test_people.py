"""People and their passwords, when two come at once."""

import asyncio

from store import people, sessions
from store.db import Store
from store.people import EmailTaken
from tests.conftest import RING, Clock

EMAIL = "sari@biro.example"


async def test_one_address_is_of_one_person(store: Store, clock: Clock) -> None:
    async def add(spelled: str) -> bool:
        try:
            async with store.transaction() as db:
                await people.add(db, spelled, "Sari", "id", clock.now)
        except EmailTaken:
            return False
        return True

    added = await asyncio.gather(*(add(each) for each in (EMAIL, EMAIL.upper()) * 8))

    assert sum(added) == 1


async def test_a_person_is_held_only_while_the_password_is_the_same(
    store: Store, clock: Clock
) -> None:
    async with store.transaction() as db:
        person = await people.add(db, EMAIL, "Sari", "id", clock.now, "old")

    async with store.transaction() as db:
        same = await people.with_password(db, person.id, "old")
        assert same is not None
        people.set_password(same, "new", clock.now)
    async with store.transaction() as db:
        other = await people.with_password(db, person.id, "old")

    assert (same.email, other) == (EMAIL, None)


async def test_ending_the_other_sessions_leaves_those_of_others(store: Store, clock: Clock) -> None:
    async with store.transaction() as db:
        sari = await people.add(db, EMAIL, "Sari", "id", clock.now)
        budi = await people.add(db, "budi@biro.example", "Budi", "id", clock.now)
        first, _ = await sessions.add(db, RING, sari, "", clock.now)
        await sessions.add(db, RING, sari, "", clock.now)
        theirs, _ = await sessions.add(db, RING, budi, "", clock.now)

    async with store.transaction() as db:
        await sessions.end_others(db, sari.id, first.id)
    async with store.reading() as db:
        left = [
            [row.id for row in await sessions.all_of(db, person.id, None, 10, clock.now)]
            for person in (sari, budi)
        ]

    assert left == [[first.id], [theirs.id]]
