"""What `pilar doctor` says of the engine, and of what waits for a person."""

import json
from datetime import UTC, datetime, timedelta

from planner.publications import Status
from store import figures, instance, workers
from store.db import Store
from store.tables import Publication
from tests.app.commands import pilar
from tests.app.test_cli import INIT, OWNER
from tests.app.test_engine_metrics import stage
from tests.world import World


def real_clock() -> datetime:
    return datetime.now(UTC)


async def findings() -> dict[str, list[tuple[str, str]]]:
    told = await pilar("doctor", "--json")
    found: dict[str, list[tuple[str, str]]] = {}
    for each in json.loads(told.out)["findings"]:
        found.setdefault(each["name"], []).append((each["verdict"], each["detail"]))
    return found


async def test_without_workers_the_server_is_the_engine_on_sqlite_only(
    beside: str, store: Store
) -> None:
    await pilar(*INIT, *OWNER)
    before = (await findings())["engine"]
    await instance.note_tick(store, real_clock())
    ticking = (await findings())["engine"]
    await workers.note(store, "host:1", "api", real_clock())
    await workers.note(store, "host:2", "worker", real_clock())
    working = (await findings())["engine"]

    assert [verdict for verdict, _ in before] == ["wrong"]
    assert "nobody publishes" in before[0][1]
    assert [verdict for verdict, _ in ticking] == ["fine" if store.is_sqlite else "wrong"]
    assert working == [("fine", "at work: 1 api, 1 worker")]


async def test_what_is_in_the_way_and_what_waits_for_a_person_is_found(
    beside: str, store: Store
) -> None:
    await pilar(*INIT, *OWNER)
    world = await World.found(store, real_clock, "lama")
    await stage(store, world, real_clock() - timedelta(seconds=30))
    ids = [await world.placed(await world.post(each), await world.channel(each)) for each in "xyz"]
    async with store.transaction() as db:
        for publication_id, status in zip(ids, (Status.NEEDS_REVIEW, "", ""), strict=True):
            row = await db.get(Publication, publication_id)
            assert row is not None
            row.due_at = real_clock() - timedelta(minutes=1)
            row.status, row.unproved = status or row.status, publication_id != ids[2]

    found = await findings()

    assert [(verdict, detail[:24]) for verdict, detail in found["holds"]] == [
        ("note", "everything is held since"),
        ("note", "standing: 1 of a workspa"),
    ]
    assert found["breakers"] == [("wrong", "channels rest that were not served: 1 on webhook")]
    assert found["review"] == [
        ("note", "not known to be live or not: 1 wait for a person's word, 1 are asked after")
    ]
    assert found["alerts"] == [("wrong", "1 were given up in the last 7 days")]


async def test_what_a_proof_is_needed_of_is_what_was_due(store: Store) -> None:
    world = await World.found(store, real_clock)
    publication_id = await world.placed(await world.post(), await world.channel())
    async with store.transaction() as db:
        row = await db.get(Publication, publication_id)
        assert row is not None
        row.unproved = True

    async with store.reading() as db:
        counts = [
            await figures.unproved(db, real_clock() + timedelta(minutes=each)) for each in (0, 2)
        ]

    assert counts == [0, 1]
