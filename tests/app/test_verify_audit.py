"""`pilar verify-audit`: every workspace's chain, and the first row of it that is not right."""

import json
from typing import Any

import pytest
from sqlalchemy import Executable, delete, insert, update
from sqlmodel import col
from uuid_utils.compat import uuid7

from store import audit, workspaces
from store.audit import CLI
from store.db import Store
from store.tables import AuditEntry, Workspace
from tests.app.commands import Told, pilar
from tests.conftest import Clock
from tests.tampering import chain, tamper
from tests.world import World


@pytest.fixture
async def world(store: Store, clock: Clock) -> World:
    """An office with a chain of a few rows, beside another office."""
    await World.found(store, clock, "lain")
    world = await World.found(store, clock)
    await world.placed(await world.post(), await world.channel())
    return world


def first_wrong(told: Told) -> dict[str, int | None]:
    return {each["workspace"]: each["first_wrong"] for each in json.loads(told.out)["workspaces"]}


async def test_every_chain_is_as_it_was_written(beside: str, world: World) -> None:
    rows = len(await chain(world))

    told = await pilar("verify-audit")
    answer = (await pilar("verify-audit", "--json")).json()

    assert (told.code, told.out.splitlines()) == (
        0,
        [
            f"biro: {rows} rows, as they were written",
            "lain: 3 rows, as they were written",
            f"{rows + 3} rows in 2 workspaces checked.",
        ],
    )
    assert answer == {
        "ok": True,
        "rows": rows + 3,
        "workspaces": [
            {
                "workspace": slug,
                "right": right,
                "first_wrong": None,
                "detail": f"{right} rows, as they were written",
            }
            for slug, right in (("biro", rows), ("lain", 3))
        ],
    }


async def test_an_edited_row_is_named_with_what_it_says(beside: str, world: World) -> None:
    third = (await chain(world))[2]
    theirs = col(AuditEntry.workspace_id) == third.workspace_id
    edit = update(AuditEntry).where(theirs, col(AuditEntry.seq) == 3).values(action="other")
    await tamper(world.store, edit)

    told = await pilar("verify-audit")

    said = f"{third.actor} other {third.noun} {third.row_id} at {third.at.isoformat()}"
    assert (told.code, told.out.splitlines()) == (
        1,
        [
            f"biro: row 3 is not what was written; it says: {said}",
            "lain: 3 rows, as they were written",
            "5 rows in 2 workspaces checked.",
        ],
    )


Hand = tuple[int, list[Executable]]
"""The first row that is not right any more, and what was done."""


def _of(office: Workspace) -> Any:
    return col(AuditEntry.workspace_id) == office.id


def deleted(office: Workspace, rows: list[AuditEntry]) -> Hand:
    return 2, [delete(AuditEntry).where(_of(office), col(AuditEntry.seq) == 2)]


def reordered(office: Workspace, rows: list[AuditEntry]) -> Hand:
    moves = ((2, -2), (3, 2), (-2, 3))
    return 2, [
        update(AuditEntry).where(_of(office), col(AuditEntry.seq) == seq).values(seq=to)
        for seq, to in moves
    ]


def cut_off(office: Workspace, rows: list[AuditEntry]) -> Hand:
    last = len(rows) - 1
    return last, [delete(AuditEntry).where(_of(office), col(AuditEntry.seq) >= last)]


def emptied(office: Workspace, rows: list[AuditEntry]) -> Hand:
    return 1, [delete(AuditEntry).where(_of(office))]


def slipped_in(office: Workspace, rows: list[AuditEntry]) -> Hand:
    """A row that fits the chain perfectly, and that the workspace does not know of."""
    last = rows[-1]
    row = AuditEntry(
        **last.model_dump() | {"id": uuid7(), "seq": last.seq + 1, "previous": last.hash}
    )
    row.hash = audit.entry_hash(row)
    return row.seq, [insert(AuditEntry).values(**row.model_dump())]


def written_anew(office: Workspace, rows: list[AuditEntry]) -> Hand:
    """The whole chain with another actor in it, each hash right: only its end tells."""
    statements: list[Executable] = []
    previous = ""
    for row in rows:
        row.actor = "cli:someone" if row.seq == 2 else row.actor
        row.previous = previous
        previous = row.hash = audit.entry_hash(row)
        new = {"actor": row.actor, "previous": row.previous, "hash": row.hash}
        mine = update(AuditEntry).where(_of(office), col(AuditEntry.seq) == row.seq)
        statements.append(mine.values(**new))
    return len(rows), statements


@pytest.mark.parametrize(
    ("hand", "sentence"),
    [
        (deleted, "row 2 is gone; there were {count}"),
        (reordered, "row 2 is not what was written; it says: "),
        (cut_off, "row {wrong} is gone; there were {count}"),
        (emptied, "row 1 is gone; there were {count}"),
        (slipped_in, "row {wrong} was never written: the newest is row {count}"),
        (written_anew, "row {count} is not what was written; it says: "),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
async def test_every_hand_in_the_chain_is_found(
    beside: str, world: World, hand: Any, sentence: str
) -> None:
    rows = await chain(world)
    count = len(rows)
    wrong, statements = hand(await world.workspace(), rows)
    await tamper(world.store, *statements)

    told = await pilar("verify-audit", "--json")

    first, _ = json.loads(told.out)["workspaces"]
    assert told.code == 1
    assert first_wrong(told) == {"biro": wrong, "lain": None}
    assert first["right"] == wrong - 1
    assert first["detail"].startswith(sentence.format(wrong=wrong, count=count))


async def test_one_workspace_is_asked_for_by_its_slug(beside: str, world: World) -> None:
    await tamper(world.store, delete(AuditEntry).where(_of(await world.workspace())))

    codes = [(await pilar("verify-audit", "--workspace", slug)).code for slug in ("lain", "biro")]
    stranger = await pilar("verify-audit", "--workspace", "asing")

    assert codes == [0, 1]
    assert (stranger.code, stranger.out) == (1, "")
    assert stranger.err.startswith("pilar: No such workspace.")


async def test_a_long_chain_is_walked_to_its_end(beside: str, world: World) -> None:
    async with world.store.transaction() as db:
        office = await workspaces.lock(db, "lain")
        for _ in range(audit.VERIFIED_AT_ONCE):
            await audit.record(db, office, CLI, "look", "workspace", office.id, world.clock())

    told = await pilar("verify-audit", "--workspace", "lain", "--json")

    assert told.json()["rows"] == audit.VERIFIED_AT_ONCE + 3


@pytest.mark.usefixtures("data_folder")
async def test_a_database_without_tables_is_refused_in_a_sentence() -> None:
    told = await pilar("verify-audit")

    assert (told.code, told.out) == (1, "")
    assert "pilar migrate" in told.err
