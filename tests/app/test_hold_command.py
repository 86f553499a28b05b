"""`pilar hold`: the whole instance stops, and publishes again."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from store import holds, workspaces
from store.db import Store
from store.instance import THE_INSTANCE
from store.tables import Instance, Publication
from tests.app.commands import pilar
from tests.conftest import Clock
from tests.world import World


async def _office_of(url: str) -> tuple[Store, World, UUID]:
    """Return a database with an office and a publication that is due in a minute."""
    store = Store(url)
    now = Clock(datetime.now(UTC))
    world = await World.found(store, now)
    return store, world, await world.placed(await world.post(), await world.channel())


async def test_the_command_stops_everything_and_lets_it_go_again(beside: str) -> None:
    store, world, publication_id = await _office_of(beside)
    empty = await pilar("hold", "--release")

    said = (await pilar("hold", "--all", "--reason", "Gempa", "--json")).json()
    told = await pilar("hold", "--all", "--reason", "Gempa susulan")
    async with store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        row = await db.get(Publication, publication_id)
        assert row is not None
        held = await holds.covering(db, workspace, row, None)
        row.due_at = datetime.now(UTC) - timedelta(minutes=1)
    released = (await pilar("hold", "--release", "--json")).json()
    kept = await world.row(publication_id)
    await store.close()

    assert empty.code == 1
    assert empty.err.startswith("pilar: Nothing is held. The instance is not stopped:")
    assert said == {
        "held": True,
        "on_the_wire": [],
        "scheduled": {"due": 0, "later": 1, "through_hold": 0},
    }
    assert told.code == 0
    assert told.out.splitlines()[:3] == [
        "Nothing goes out any more.",
        "Held: 0 due, 1 later.",
        "On the wire already: nothing.",
    ]
    assert held is not None
    assert (held.kind, held.reason) == ("instance", "Gempa susulan")
    assert released == {
        "held": False,
        "left": [
            {
                "workspace": "biro",
                "publication": str(publication_id),
                "channel": "berita",
                "status": "missed",
            }
        ],
    }
    assert (kept.status, kept.reason) == ("missed", "held")


async def test_the_command_names_what_was_on_the_wire_and_what_is_left(beside: str) -> None:
    store, _, publication_id = await _office_of(beside)
    async with store.transaction() as db:
        row = await db.get(Publication, publication_id)
        assert row is not None
        row.status = "submitting"

    told = await pilar("hold", "--all")
    async with store.transaction() as db:
        row = await db.get(Publication, publication_id)
        assert row is not None
        row.status, row.unproved = "scheduled", True
        row.due_at = datetime.now(UTC) - timedelta(minutes=1)
    released = await pilar("hold", "--release")
    async with store.reading() as db:
        stopped = await db.get(Instance, THE_INSTANCE)
    await store.close()

    assert "On the wire already: these." in told.out
    assert f"  biro  {publication_id}  berita  (submitting)" in told.out
    assert "To check, since they may be live: 1." in released.out
    assert f"  biro  {publication_id}  berita  (needs_review)" in released.out
    assert stopped is not None
    assert stopped.held_at is None


WRONG_LINES: dict[str, tuple[str, ...]] = {
    "neither": (),
    "both": ("--all", "--release"),
    "a release with a reason": ("--release", "--reason", "Selesai"),
    "an empty reason": ("--all", "--reason", ""),
}


@pytest.mark.parametrize("words", WRONG_LINES.values(), ids=WRONG_LINES)
@pytest.mark.parametrize("database", ["sqlite"])
async def test_a_command_line_that_cannot_be_right_does_nothing(
    beside: str, words: tuple[str, ...], database: str
) -> None:
    told = await pilar("hold", *words)

    assert told.code == 2
