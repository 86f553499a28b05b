"""The database keeps its own rules: lengths, words, offices apart, what happened stays."""

import datetime as dt
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKeyConstraint,
    Integer,
    Table,
    UniqueConstraint,
    Uuid,
    delete,
    insert,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from store.db import Store
from store.tables import METADATA
from store.types import Instant

NOW = dt.datetime(2026, 3, 2, 1, 0, tzinfo=dt.UTC)
TABLES = METADATA.tables
APPEND_ONLY = ("attempt", "audit_entry", "transition")
WORDS = re.compile(r"(\w+) IN \('([^']*)'")
BOUNDS = re.compile(r"length\((\w+)\) <= (\d+)")

Row = dict[str, Any]


def checks(table: Table) -> list[CheckConstraint]:
    return [each for each in table.constraints if isinstance(each, CheckConstraint)]


def words(table: Table) -> dict[str, str]:
    """Return a word that is allowed for each column that takes certain words only."""
    found = (WORDS.match(str(each.sqltext)) for each in checks(table))
    return {match[1]: match[2] for match in found if match}


def bounds(table: Table) -> dict[str, int]:
    found = (BOUNDS.match(str(each.sqltext)) for each in checks(table))
    return {match[1]: int(match[2]) for match in found if match}


def length_of(column: Column[Any]) -> int | None:
    return getattr(column.type, "length", None)


def across(table: Table) -> list[tuple[str, Table]]:
    """Return the columns that name a row of the same office, with that row's table."""
    return [
        (each.elements[1].parent.name, each.referred_table)
        for each in table.constraints
        if isinstance(each, ForeignKeyConstraint) and len(each.elements) == 2
    ]


def everywhere() -> Iterator[tuple[str, str]]:
    for name, table in TABLES.items():
        for column, _ in across(table):
            yield name, column


def unique() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what a table holds once, other than its keys."""
    for name, table in TABLES.items():
        for each in table.constraints:
            columns = tuple(column.name for column in getattr(each, "columns", ()))
            if isinstance(each, UniqueConstraint) and columns != ("workspace_id", "id"):
                yield name, columns


def is_unique(said: str) -> bool:
    return re.search("unique", said, re.IGNORECASE) is not None


@dataclass
class Rows:
    """Rows that are right, made with everything that they refer to."""

    connection: AsyncConnection
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    async def add(self, table: Table, workspace: Row, **given: Any) -> Row:
        row = await self.right(table, workspace) | given
        await self.insert(table, row)
        return row

    async def insert(self, table: Table, row: Row) -> None:
        await self.connection.execute(insert(table).values(**row))

    async def office(self) -> Row:
        return await self.add(TABLES["workspace"], {})

    async def right(self, table: Table, workspace: Row) -> Row:
        """Return a row that could be inserted; what it refers to is there."""
        row: Row = {}
        for column in table.columns:
            if column.name == "id" and isinstance(column.type, Integer):
                continue
            row[column.name] = words(table).get(column.name, self._value(column))
        if "workspace_id" in row:
            row["workspace_id"] = workspace["id"]
        for name, other in across(table):
            row[name] = (await self.add(other, workspace))["id"]
        for key in table.foreign_keys:
            if key.column.table.name in {"person", "api_key"}:
                row[key.parent.name] = (await self.add(key.column.table, workspace))["id"]
        return row

    def _value(self, column: Column[Any]) -> Any:
        number = next(self.numbers)
        for kind, value in (
            (Instant, NOW),
            (Boolean, False),
            (Integer, number if "seq" in column.name or column.name == "number" else 1),
            (Uuid, uuid7()),
            (Date, NOW.date() + dt.timedelta(number)),
            (JSON, {}),
        ):
            if isinstance(column.type, kind):
                return value
        return f"{number:x}"[-(length_of(column) or 99) :]


@asynccontextmanager
async def undone(store: Store) -> AsyncIterator[Rows]:
    """Give a transaction that is rolled back."""
    async with store.transaction() as db:
        yield Rows(await db.connection())
        await db.rollback()


async def refusal(rows: Rows, table: Table, row: Row) -> str:
    """Return what the database says to a row; the transaction goes on without it."""
    try:
        async with rows.connection.begin_nested():
            await rows.insert(table, row)
    except DBAPIError as error:
        return str(error.orig)
    return ""


async def test_text_that_is_longer_than_its_column_is_refused(store: Store) -> None:
    taken = []
    async with undone(store) as rows:
        office = await rows.office()
        for name, table in TABLES.items():
            await rows.add(table, office)
            for column, limit in bounds(table).items():
                row = await rows.right(table, office) | {column: "é" * (limit + 1)}
                if not _is_about(await refusal(rows, table, row), column):
                    taken.append(f"{name}.{column}")

    assert taken == []


def test_every_column_of_bounded_text_is_checked() -> None:
    bounded = {
        name: {each.name: length_of(each) for each in table.columns if length_of(each)}
        for name, table in TABLES.items()
    }

    assert {name: bounds(table) for name, table in TABLES.items()} == bounded


def _is_about(said: str, column: str) -> bool:
    # SQLite names the first check that fails, which may be that of the words.
    return re.search(rf"ck_\w*{column}(_length)?\b|too long", said) is not None


async def test_text_that_just_fits_is_taken(store: Store) -> None:
    table = TABLES["pillar"]
    longest = {name: "é" * limit for name, limit in bounds(table).items()}

    async with undone(store) as rows:
        row = await rows.add(table, await rows.office(), **longest)
        found = (await rows.connection.execute(table.select())).mappings().one()

    assert dict(found) == row


async def test_a_word_that_nobody_knows_is_refused(store: Store) -> None:
    said = {}
    async with undone(store) as rows:
        office = await rows.office()
        for name, table in TABLES.items():
            for column in words(table):
                row = await rows.right(table, office) | {column: "?"}
                said[f"ck_{name}_{column}"] = await refusal(rows, table, row)

    assert [check for check, each in said.items() if check not in each] == []
    assert len(said) > 10


async def test_no_row_refers_to_another_offices(store: Store) -> None:
    crossed, stuck = [], []
    async with undone(store) as rows:
        mine, lain = await rows.office(), await rows.office()
        for name, column in everywhere():
            table = TABLES[name]
            row = await rows.right(table, mine)
            theirs = await rows.add(dict(across(table))[column], lain)
            said = await refusal(rows, table, row | {column: theirs["id"]})
            if "foreign key" not in said.lower():
                crossed.append(f"{name}.{column}")
            if await refusal(rows, table, row):
                stuck.append(name)

    assert (crossed, stuck) == ([], [])


def test_every_row_of_an_office_refers_within_it() -> None:
    owned = {name for name, table in TABLES.items() if "workspace_id" in table.columns}

    loose = [
        f"{name}.{each.parent.name}"
        for name in owned
        for each in TABLES[name].foreign_keys
        if each.column.table.name in owned and len(each.constraint.elements) == 1  # type: ignore[union-attr]
    ]

    assert loose == []
    assert len(list(everywhere())) > 10


async def test_numbers_and_days_that_cannot_be_are_refused(store: Store) -> None:
    early, late = dt.date(2026, 3, 1), dt.date(2026, 3, 2)
    wrong: list[tuple[str, str, Row]] = [
        ("workspace", "week_start", {"week_start": 7}),
        ("pillar", "share_bp", {"share_bp": 10_001}),
        ("pillar", "share_bp", {"share_bp": -1}),
        ("campaign", "dates", {"starts_on": late, "ends_on": early}),
        ("slot", "weekday", {"weekday": 7}),
        ("slot", "validity", {"valid_from": late, "valid_until": early}),
    ]

    said = {}
    async with undone(store) as rows:
        office = await rows.office()
        for name, check, columns in wrong:
            row = await rows.right(TABLES[name], office) | columns
            said[f"ck_{name}_{check}"] = await refusal(rows, TABLES[name], row)

    assert [check for check, each in said.items() if check not in each] == []


async def test_what_is_there_once_is_not_there_twice(store: Store) -> None:
    twice = []
    async with undone(store) as rows:
        office = await rows.office()
        for name, columns in unique():
            table = TABLES[name]
            first = await rows.add(table, office)
            same = {column: first[column] for column in columns}
            said = await refusal(rows, table, await rows.right(table, office) | same)
            if not is_unique(said):
                twice.append((name, columns))

    assert twice == []


def test_these_are_there_once() -> None:
    found = sorted(unique())

    assert found == sorted(
        [
            ("alert", ("workspace_id", "key")),
            ("alert_delivery", ("alert_id", "target_id")),
            ("api_key", ("digest",)),
            ("attempt", ("publication_id", "number")),
            ("audit_entry", ("workspace_id", "seq")),
            ("calendar_link", ("token_digest",)),
            ("campaign", ("workspace_id", "name")),
            ("channel", ("workspace_id", "platform", "handle")),
            ("day", ("workspace_id", "date")),
            ("idempotency_key", ("scope", "key")),
            ("invitation", ("token_digest",)),
            ("key_workspace", ("workspace_id", "api_key_id")),
            ("media", ("workspace_id", "sha256")),
            ("membership", ("workspace_id", "person_id")),
            ("oauth_authorization", ("state_digest",)),
            ("oauth_authorization", ("ticket_digest",)),
            ("person", ("email",)),
            ("pillar", ("workspace_id", "name")),
            ("post", ("workspace_id", "external_id")),
            ("post_version", ("post_id", "number")),
            ("session", ("token_digest",)),
            ("worker", ("name",)),
            ("workspace", ("slug",)),
        ]
    )


async def test_a_post_is_on_a_channel_once_unless_it_was_taken_off(store: Store) -> None:
    table = TABLES["publication"]

    async with undone(store) as rows:
        office = await rows.office()
        first = await rows.add(table, office)
        again = first | {"id": uuid7()}
        twice = await refusal(rows, table, again)
        later = await refusal(rows, table, again | {"id": uuid7(), "occurrence": 2})
        gone = update(table).where(table.c.id == first["id"]).values(status="cancelled")
        await rows.connection.execute(gone)
        anew = await refusal(rows, table, again)

    assert is_unique(twice)
    assert (later, anew) == ("", "")


async def test_a_channel_has_one_publication_in_flight(store: Store) -> None:
    table = TABLES["publication"]

    async with undone(store) as rows:
        office = await rows.office()
        first = await rows.add(table, office, status="claimed")
        other = await rows.right(table, office)
        on_the_same = other | {"channel_id": first["channel_id"]}
        said = [
            await refusal(rows, table, on_the_same | {"id": uuid7(), "status": status})
            for status in ("claimed", "submitting", "scheduled")
        ]
        elsewhere = await refusal(rows, table, other | {"status": "submitting"})

    assert [is_unique(each) for each in said] == [True, True, False]
    assert (said[-1], elsewhere) == ("", "")


@pytest.mark.parametrize("name", APPEND_ONLY)
@pytest.mark.parametrize("deed", ["update", "delete"])
async def test_what_happened_is_not_changed(store: Store, name: str, deed: str) -> None:
    table = TABLES[name]
    column = next(each for each in table.columns if each.name in {"actor", "worker"})
    statement = update(table).values({column.name: "x"}) if deed == "update" else delete(table)

    async with undone(store) as rows:
        await rows.add(table, await rows.office())
        with pytest.raises(DBAPIError, match=f"{name} is append-only"):
            async with rows.connection.begin_nested():
                await rows.connection.execute(statement)
        kept = (await rows.connection.execute(table.select())).mappings().one()

    assert kept[column.name] != "x"


async def test_what_is_referred_to_is_not_deleted(store: Store) -> None:
    async with undone(store) as rows:
        await rows.add(TABLES["publication"], await rows.office())
        with pytest.raises(IntegrityError):
            async with rows.connection.begin_nested():
                await rows.connection.execute(delete(TABLES["channel"]))
        left = (await rows.connection.execute(text("SELECT count(*) FROM channel"))).scalar_one()

    assert left == 1


async def test_values_come_back_as_they_went_in(store: Store) -> None:
    async with undone(store) as rows:
        office = await rows.office()
        written = {name: await rows.add(table, office) for name, table in TABLES.items()}
        read = {}
        for name, table in TABLES.items():
            found = (await rows.connection.execute(table.select())).mappings().all()
            read[name] = [dict(each) for each in found]

    lost = [
        name
        for name, row in written.items()
        if not any(row.items() <= r.items() for r in read[name])
    ]
    assert lost == []
    assert isinstance(written["pillar"]["id"], UUID)
