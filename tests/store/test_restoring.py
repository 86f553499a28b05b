"""The restore epoch: what may have gone out since the backup is proved or reviewed."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import col, select, update

from planner.publications import Status
from store import audit, changes, publications, restoring, workspaces
from store.audit import CLI
from store.db import Store
from store.instance import THE_INSTANCE, check_keys
from store.restoring import FENCE_JUMP, WHY, Epoch
from store.tables import AuditEntry, Instance, Publication
from tests.conftest import RING, Clock
from tests.world import World

LOST = timedelta(hours=3)
"""How long after the backup it is restored."""

CLASSES = {
    "idempotent": ("feed", {}),
    "promised": ("webhook", {"url": "https://x.example/", "receiver_deduplicates": True}),
    "ambiguous": ("webhook", {"url": "https://x.example/"}),
}

AGAIN = ("scheduled", True)
ASKED = ("needs_review", False)
DUE: dict[str, dict[str, tuple[str, bool]]] = {
    "planned": dict.fromkeys(CLASSES, ("missed", True)),
    "scheduled": {"idempotent": AGAIN, "promised": AGAIN, "ambiguous": ASKED},
    "claimed": {"idempotent": AGAIN, "promised": AGAIN, "ambiguous": ASKED},
    "submitting": {"idempotent": AGAIN, "promised": AGAIN, "ambiguous": ASKED},
    "processing": dict.fromkeys(CLASSES, ("processing", False)),
    "handed_over": dict.fromkeys(CLASSES, ASKED),
    "published": dict.fromkeys(CLASSES, ("published", False)),
    "failed": dict.fromkeys(CLASSES, ("failed", True)),
    "missed": dict.fromkeys(CLASSES, ("missed", True)),
    "needs_review": dict.fromkeys(CLASSES, ASKED),
}
"""What becomes of a publication that was due by the time of the restore, and whether it is in
doubt."""


@pytest.fixture
async def world(store: Store, clock: Clock) -> World:
    await check_keys(store, RING, clock())
    return await World.found(store, clock)


async def begin(world: World, **more: Any) -> Epoch:
    """Restore what is there, three hours after it was backed up."""
    taken_at = world.clock()
    now = world.clock.forward(hours=LOST.total_seconds() / 3600)
    async with world.store.transaction() as db:
        return await restoring.begin_epoch(db, now, taken_at=taken_at, **more)


async def put(world: World, publication_id: UUID, **columns: Any) -> None:
    """Let a publication be in a state as a backup may find it."""
    async with world.store.transaction() as db:
        mine = col(Publication.id) == publication_id
        await db.exec(update(Publication).where(mine).values(**columns))


async def lying(world: World, kind: str, at: datetime) -> dict[str, UUID]:
    """Return a publication in each state, on channels of a class, due at an instant."""
    platform, settings = CLASSES[kind]
    found = {}
    for status in DUE:
        channel = await world.channel(f"{kind}-{status}", platform, settings=settings)
        found[status] = await world.placed(await world.post(f"{kind} {status}"), channel, at)
        await put(
            world,
            found[status],
            status=status,
            fence=7,
            worker="w-of-before",
            lease_until=at,
            not_before=at,
            dispatched_until=at,
        )
    return found


@pytest.mark.parametrize("kind", CLASSES)
async def test_every_state_of_every_class_meets_its_fate(world: World, kind: str) -> None:
    rows = await lying(world, kind, world.clock() + timedelta(minutes=30))

    epoch = await begin(world)

    found = {status: await world.row(row) for status, row in rows.items()}
    assert {status: (row.status, row.unproved) for status, row in found.items()} == {
        status: expected[kind] for status, expected in DUE.items()
    }
    reviewed = 4 if kind == "ambiguous" else 1
    assert epoch == Epoch(review=reviewed, unproved=6 - reviewed, missed=1)
    touched = set(DUE) - {"processing", "published", "needs_review"}
    for status, row in found.items():
        claim = (row.fence, row.worker, row.lease_until, row.dispatched_until, row.not_before)
        fresh = (7 + FENCE_JUMP, None, None, None, None)
        assert (claim == fresh) is (status in touched), status
        reasons = dict(await world.steps(row.id))
        if DUE[status][kind] == ASKED and status != "needs_review":
            assert (row.reason, reasons["needs_review"]) == (WHY, WHY)


async def test_what_is_due_later_is_as_it_was(world: World) -> None:
    channel = await world.channel()
    row = await world.placed(await world.post(), channel, world.clock() + LOST * 2)
    before = await world.row(row)

    epoch = await begin(world)

    assert (await world.row(row), epoch) == (before, Epoch())


async def test_nothing_goes_out_until_a_person_lets_it(world: World) -> None:
    await begin(world)

    async with world.store.reading() as db:
        here = (await db.exec(select(Instance).where(Instance.id == THE_INSTANCE))).one()
    now = world.clock()
    assert (here.restored_at, here.held_at, here.held_why) == (now, now, "restored")


async def test_the_audit_of_every_office_says_it_and_its_chain_is_right(world: World) -> None:
    await World.found(world.store, world.clock, "lain")
    await lying(world, "ambiguous", world.clock() + timedelta(minutes=30))
    taken_at = world.clock()

    await begin(world)

    async with world.store.reading() as db:
        query = select(AuditEntry).where(
            AuditEntry.action == "restore", AuditEntry.noun == "workspace"
        )
        said = {str(row.workspace_id): row.data for row in (await db.exec(query)).all()}
        wrong = [
            await audit.verify(db, (await workspaces.by_slug(db, slug)).id)
            for slug in await workspaces.slugs(db)
        ]
    counts = sorted((row["needs_review"], row["unproved"], row["missed"]) for row in said.values())
    assert counts == [(0, 0, 0), (4, 2, 1)]
    assert {row["taken_at"] for row in said.values()} == {taken_at.isoformat()}
    assert wrong == [None, None]


async def test_followers_of_before_begin_again(world: World) -> None:
    """A number that they hold may be given to another change now."""
    followed = (await world.workspace()).change_seq

    await begin(world)
    for number in range(3):
        await world.channel(f"baru{number}")

    workspace = await world.workspace()
    async with world.store.reading() as db:
        kept = {
            seq: await changes.are_kept(db, workspace, seq)
            for seq in (followed - 1, followed, followed + 2, workspace.change_seq - 3)
        }
    assert list(kept.values()) == [False, False, False, True]


async def test_what_was_given_up_is_not_touched(world: World) -> None:
    rows = await lying(world, "ambiguous", world.clock())
    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        for status in (Status.FAILED, Status.MISSED):
            row = await publications.of(db, workspace.id, rows[status])
            await publications.dismiss(db, workspace, CLI, row, world.clock())
    before = [await world.row(rows[status]) for status in ("failed", "missed")]

    await begin(world)

    assert [await world.row(rows[status]) for status in ("failed", "missed")] == before
