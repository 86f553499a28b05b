"""The audit chain shows every hand in it; changes are numbered in the order they are committed."""

import asyncio
import random
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Executable, delete, insert, update
from sqlmodel import col, select
from uuid_utils.compat import uuid7

from planner.content import fingerprint
from store import audit, pillars, workspaces
from store.audit import CLI
from store.db import Store
from store.tables import AuditEntry, Change, Workspace
from tests.conftest import Clock
from tests.tampering import chain, tamper
from tests.world import World

WRITERS, ROUNDS = 16, 15


@pytest.fixture
async def world(store: Store, clock: Clock) -> World:
    return await World.found(store, clock)


async def first_wrong(world: World, slug: str = "biro") -> int | None:
    async with world.store.reading() as db:
        workspace = await workspaces.by_slug(db, slug)
        return await audit.verify(db, workspace.id)


def edit(place: int, /, **columns: Any) -> Executable:
    return update(AuditEntry).where(col(AuditEntry.seq) == place).values(**columns)


async def busy(world: World) -> World:
    """Let an office do a few things of every kind."""
    channel = await world.channel()
    post = await world.post()
    await world.placed(post, channel)
    await world.edit(post, "Lain — “kutipan” \u2028 🎉.")
    return world


async def test_the_chain_of_an_office_is_right(world: World) -> None:
    await busy(world)

    rows = await chain(world)
    assert await first_wrong(world) is None
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    assert [row.previous for row in rows] == ["", *(row.hash for row in rows[:-1])]
    workspace = await world.workspace()
    assert (workspace.audit_seq, workspace.audit_hash) == (rows[-1].seq, rows[-1].hash)


async def test_a_long_chain_is_read_to_its_end(world: World) -> None:
    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        for _ in range(2 * audit.VERIFIED_AT_ONCE):
            await audit.record(db, workspace, CLI, "look", "workspace", workspace.id, world.clock())

    whole = await first_wrong(world)
    await tamper(world.store, edit(2 * audit.VERIFIED_AT_ONCE, action="other"))

    assert (whole, await first_wrong(world)) == (None, 2 * audit.VERIFIED_AT_ONCE)


EDITS: dict[str, Any] = {
    "at": datetime(2026, 3, 2, 0, 59, tzinfo=UTC),
    "actor": "cli:someone",
    "action": "other",
    "noun": "other",
    "row_id": uuid7(),
    "data": {"x": 1},
    "request_id": "r1",
    "previous": "x",
    "hash": "x",
    "seq": 99,
}


@pytest.mark.parametrize("column", EDITS)
async def test_an_edited_row_is_found(world: World, column: str) -> None:
    await busy(world)

    await tamper(world.store, edit(3, **{column: EDITS[column]}))

    assert await first_wrong(world) == 3


def test_every_column_of_a_row_is_covered() -> None:
    columns = {column.name for column in AuditEntry.__table__.columns}  # type: ignore[attr-defined]

    assert columns - set(EDITS) == {"id", "workspace_id"}


@pytest.mark.parametrize("place", ["first", "middle", "last", "all"])
async def test_a_row_that_is_missing_is_found(world: World, place: str) -> None:
    await busy(world)
    last = (await chain(world))[-1].seq
    seq = {"first": 1, "middle": 3, "last": last, "all": 1}[place]

    every = delete(AuditEntry)
    await tamper(world.store, every if place == "all" else every.where(col(AuditEntry.seq) == seq))

    assert await first_wrong(world) == seq


@pytest.mark.parametrize("seq", [0, -1, 1000])
async def test_a_row_that_was_slipped_in_is_found(world: World, seq: int) -> None:
    await busy(world)
    *_, last = await chain(world)

    slipped = last.model_dump() | {"id": uuid7(), "seq": seq}
    await tamper(world.store, insert(AuditEntry).values(**slipped))

    assert await first_wrong(world) == (1 if seq < 1 else last.seq + 1)


async def test_rows_that_changed_places_are_found(world: World) -> None:
    await busy(world)

    await tamper(world.store, edit(2, seq=-2), edit(3, seq=2), edit(-2, seq=3))

    assert await first_wrong(world) == 2


async def test_a_row_of_another_office_does_not_fit(world: World) -> None:
    other = await World.found(world.store, world.clock, "lain")
    theirs = await other.workspace()
    mine = await world.workspace()

    await tamper(
        world.store,
        delete(AuditEntry).where(col(AuditEntry.workspace_id) == mine.id),
        update(AuditEntry)
        .where(col(AuditEntry.workspace_id) == theirs.id)
        .values(workspace_id=mine.id),
    )

    assert (await first_wrong(world), await first_wrong(world, "lain")) == (1, 1)


async def test_a_chain_that_was_written_anew_does_not_end_where_the_office_says(
    world: World,
) -> None:
    await busy(world)
    rows = await chain(world)

    previous = ""
    statements = []
    for row in rows:
        row.actor = "cli:someone" if row.seq == 3 else row.actor
        row.previous = previous
        previous = row.hash = audit.entry_hash(row)
        statements.append(edit(row.seq, actor=row.actor, previous=row.previous, hash=row.hash))
    await tamper(world.store, *statements)

    assert await first_wrong(world) == rows[-1].seq


async def test_a_hash_covers_what_the_row_says_and_nothing_that_time_forgets(world: World) -> None:
    row = (await chain(world))[0]

    assert row.hash == fingerprint(
        {
            "workspace": str(row.workspace_id),
            "seq": 1,
            "at": "2026-03-02T01:00:00.000000+00:00",
            "actor": "cli",
            "action": "add",
            "noun": "workspace",
            "row": str(row.workspace_id),
            "data": {
                "slug": "biro",
                "name": "biro",
                "timezone": "Asia/Jakarta",
                "locale": "id",
            },
            "request": None,
            "previous": "",
        }
    )


async def seen_while(store: Store, workspace_id: UUID, work: Any) -> list[list[int]]:
    """Return the numbers that a reader saw each time it looked, until the work was done."""
    task = asyncio.ensure_future(work)
    seen = []
    query = select(Change.seq).where(Change.workspace_id == workspace_id)
    while True:
        last = task.done()
        async with store.reading() as db:
            seen.append(list((await db.exec(query.order_by(col(Change.seq)))).all()))
        if last:
            await task
            return seen
        await asyncio.sleep(0)


def has_gap(numbers: list[int], first: int) -> bool:
    return numbers != list(range(first, first + len(numbers)))


@pytest.mark.untraced
async def test_changes_are_numbered_in_the_order_they_are_committed(world: World) -> None:
    workspace = await world.workspace()
    before = workspace.change_seq

    async def write(name: str) -> None:
        for number in range(ROUNDS):
            async with world.store.transaction() as db:
                locked = await workspaces.lock(db, world.slug)
                await pillars.add(db, locked, CLI, {"name": f"{name} {number}"}, world.clock())

    work = asyncio.gather(*(write(f"w{each}") for each in range(WRITERS)))
    seen = await seen_while(world.store, workspace.id, work)

    after = await world.workspace()
    assert len(seen[-1]) - before == after.change_seq - before == WRITERS * ROUNDS
    assert [numbers for numbers in seen if has_gap(numbers, 1)] == []
    assert await first_wrong(world) is None


@pytest.mark.untraced
async def test_numbers_of_a_sequence_would_be_seen_with_gaps(world: World) -> None:
    workspace = await world.workspace()
    numbers = count(workspace.change_seq + 1)  # as a sequence: outside of the transaction
    dice = random.Random(1)

    async def write() -> None:
        for _ in range(ROUNDS):
            seq = next(numbers)
            await asyncio.sleep(dice.random() / 200)
            async with world.store.transaction() as db:
                db.add(
                    Change(
                        workspace_id=workspace.id,
                        seq=seq,
                        noun="pillar",
                        row_id=uuid7(),
                        at=world.clock(),
                    )
                )

    work = asyncio.gather(*(write() for _ in range(WRITERS)))
    seen = await seen_while(world.store, workspace.id, work)

    assert not has_gap(seen[-1], 1)
    assert any(has_gap(numbers, 1) for numbers in seen)


async def test_a_change_that_was_rolled_back_leaves_no_gap(world: World) -> None:
    async def fail() -> None:
        async with world.store.transaction() as db:
            locked = await workspaces.lock(db, world.slug)
            await pillars.add(db, locked, CLI, {"name": "Sejarah"}, world.clock())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    await world.channel()

    async with world.store.reading() as db:
        numbers = list((await db.exec(select(Change.seq).order_by(col(Change.seq)))).all())
        heads = (await db.exec(select(Workspace.change_seq, Workspace.audit_seq))).all()
    assert not has_gap(numbers, 1)
    assert [tuple(each) for each in heads] == [(len(numbers), len(await chain(world)))]
    assert await first_wrong(world) is None
