"""Paging: while rows come and go, a reader gets none twice and misses none that stayed."""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert
from sqlmodel import col, delete
from uuid_utils.compat import uuid7

from planner.publications import Status
from store.db import Store
from store.tables import Pillar, Publication
from tests.app.conftest import Office
from tests.app.writing import add_channel, write_post
from tests.conftest import Clock

ROWS = 10_000
PAGE = 200

Row = dict[str, Any]


def pillar(owned: Row, number: int) -> Row:
    return (
        owned
        | {"name": f"Pilar {number}", "description": "", "audience": ""}
        | {
            "includes": "",
            "excludes": "",
            "colour": "#123456",
        }
    )


def publication(owned: Row, number: int) -> Row:
    due = owned["created_at"] + timedelta(minutes=random.Random(number).randrange(5_000))
    row = Publication(
        **owned,
        occurrence=number + 1,
        type="informative",
        status=Status.PLANNED,
        due_at=due,
        local=due.replace(tzinfo=None).isoformat(),
        timezone="UTC",
        day=due.date(),
        holds_seat=False,
    )
    return row.model_dump()


async def owned_by(office: Office, clock: Clock, noun: str) -> Row:
    workspace = (await office.viewer.ok("GET", office.path()))["id"]
    owned: Row = {"workspace_id": UUID(workspace), "version": 1}
    owned |= {"created_at": clock.now, "updated_at": clock.now}
    if noun == "publications":
        post, channel = await write_post(office), await add_channel(office)
        owned |= {"post_id": UUID(post["id"]), "channel_id": UUID(channel["id"])}
    return owned


@pytest.mark.parametrize(
    ("noun", "table", "make"),
    [("pillars", Pillar, pillar), ("publications", Publication, publication)],
)
@pytest.mark.untraced
async def test_ten_thousand_rows_are_paged_while_others_come_and_go(
    office: Office,
    store: Store,
    clock: Clock,
    noun: str,
    table: type[Any],
    make: Callable[[Row, int], Row],
) -> None:
    owned = await owned_by(office, clock, noun)
    dice = random.Random(7)
    rows = [make(owned | {"id": uuid7()}, number) for number in range(ROWS)]
    async with store.transaction() as db:
        await (await db.connection()).execute(insert(table), rows)
    stayed = {str(row["id"]) for row in rows}
    seen: list[str] = []
    path: str | None = f"//api/v1{office.path(f'/{noun}')}?limit={PAGE}"
    number = ROWS

    while path is not None:
        page = await office.viewer("GET", path)
        seen += [each["id"] for each in page.json()["items"]]
        link = page.links.get("next")
        path = f"/{link['url']}" if link else None
        gone = dice.sample(sorted(stayed), 5)
        stayed -= set(gone)
        added = [make(owned | {"id": uuid7()}, number + each) for each in range(5)]
        number += 5
        async with store.transaction() as db:
            await db.exec(delete(table).where(col(table.id).in_([UUID(each) for each in gone])))
            await (await db.connection()).execute(insert(table), added)

    assert len(seen) == len(set(seen))
    assert stayed - set(seen) == set()
    assert len(seen) >= ROWS - 5 * (ROWS // PAGE + 1)


async def test_pages_by_offset_would_be_caught() -> None:
    """The canary: paging by position, over the same comings and goings, loses rows."""
    dice = random.Random(7)
    rows = list(range(2_000))
    stayed = set(rows)
    seen: list[int] = []
    for offset in range(0, 2_000, PAGE):
        seen += rows[offset : offset + PAGE]
        gone = set(dice.sample(sorted(stayed), 5))
        stayed -= gone
        rows = [each for each in rows if each not in gone]

    assert stayed - set(seen) != set()
