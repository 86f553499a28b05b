"""Migrations lead to the tables in code, back to nothing, and there again, on both databases."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from procrastinate.schema import SchemaManager
from sqlalchemy import Column, Connection, Integer, MetaData, text

import migrations
from store import migrating
from store.db import Store
from store.tables import METADATA
from tests import postgres

Schema = set[tuple[Any, ...]]

APPEND_ONLY = ("attempt", "audit_entry", "transition")
ALEMBIC = "alembic_version"

POSTGRESQL = {
    "column": """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
               a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
          AND a.attnum > 0 AND NOT a.attisdropped""",
    # PostgreSQL 18 knows NOT NULL as a constraint too; the columns say it already.
    "constraint": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND contype <> 'n'""",
    "index": "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "trigger": """
        SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(t.oid), tgenabled
        FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
        WHERE NOT tgisinternal AND relnamespace = 'public'::regnamespace""",
    "function": """
        SELECT proname, pg_get_functiondef(oid) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace""",
    "relation": """
        SELECT relname, relkind FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind NOT IN ('i', 't')""",
    "type": """
        SELECT typname FROM pg_type
        WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd')""",
    "schema": """
        SELECT nspname FROM pg_namespace
        WHERE nspname NOT LIKE 'pg\\_%' AND nspname NOT IN ('public', 'information_schema')""",
}


def schema_of(connection: Connection) -> Schema:
    """Return everything that a database is made of, as text; Alembic's own table left out."""
    if connection.dialect.name == "sqlite":
        query = "SELECT type, tbl_name, name, sql FROM sqlite_master WHERE sql IS NOT NULL"
        return {
            (kind, table, name, part)
            for kind, table, name, sql in connection.execute(text(query))
            if table != ALEMBIC
            for part in (parts_of(sql) if kind == "table" else [normal(sql)])
        }
    return {
        (kind, *row)
        for kind, query in POSTGRESQL.items()
        for row in connection.execute(text(query))
        if row[0] != ALEMBIC
    }


def normal(sql: str) -> str:
    return re.sub(r"\s+", " ", sql.replace('"', "")).strip()


def parts_of(create_table: str) -> list[str]:
    """Return the columns and constraints of a CREATE TABLE; their order means nothing."""
    body = create_table[create_table.index("(") + 1 : create_table.rindex(")")]
    parts, depth = [""], 0
    for mark in body:
        depth += {"(": 1, ")": -1}.get(mark, 0)
        if mark == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += mark
    # A check that a column brings along says the same as one that stands beside it.
    return [each for part in parts for each in re.split(r" (?=CONSTRAINT )", normal(part))]


async def read_schema(store: Store) -> Schema:
    found: list[Schema] = []
    await store.run_sync(lambda connection: found.append(schema_of(connection)))
    return found[0]


async def run(store: Store, statement: str) -> None:
    async with store.transaction() as db:
        await (await db.connection()).execute(text(statement))


async def differences(store: Store, metadata: MetaData) -> list[Any]:
    """Return what Alembic would put into the next revision."""
    found: list[Any] = []
    options = {"compare_type": True, "compare_server_default": True}

    def compare(connection: Connection) -> None:
        context = MigrationContext.configure(connection, opts=options)
        found.extend(compare_metadata(context, metadata))

    await store.run_sync(compare)
    return found


def with_one_more_column() -> MetaData:
    metadata = MetaData(naming_convention=METADATA.naming_convention)
    for table in METADATA.tables.values():
        table.to_metadata(metadata)
    metadata.tables["pillar"].append_column(Column("weight", Integer, nullable=True))
    return metadata


@asynccontextmanager
async def made(database: str, folder: Path) -> AsyncIterator[Store]:
    """Give an empty database."""
    name = f"e_{uuid4().hex[:12]}"
    url = f"sqlite+aiosqlite:///{folder / name}.db"
    if database == "postgresql":
        postgres.running().create(name)
        url = postgres.running().url(name)
    store = Store(url)
    yield store
    await store.close()
    if database == "postgresql":
        postgres.running().drop(name)


@pytest.fixture
async def empty(database: str, tmp_path: Path) -> AsyncIterator[Store]:
    async with made(database, tmp_path) as store:
        yield store


@pytest.fixture
async def in_code(database: str, tmp_path: Path) -> AsyncIterator[Store]:
    async with made(database, tmp_path) as store:
        await store.run_sync(METADATA.create_all)
        yield store


def without_triggers(schema: Schema) -> Schema:
    """Leave out what no table in code says: triggers, and the queue's schema."""
    return {each for each in schema if each[0] not in {"trigger", "function", "schema"}}


async def test_migrations_lead_to_the_tables_in_code(empty: Store, in_code: Store) -> None:
    await migrating.upgrade(empty)

    migrated, coded = await read_schema(empty), await read_schema(in_code)
    assert without_triggers(migrated) ^ coded == set()
    assert len(coded) > 300


async def test_migrations_guard_what_is_append_only(empty: Store) -> None:
    await migrating.upgrade(empty)

    triggers = sorted(each[1:3] for each in await read_schema(empty) if each[0] == "trigger")
    wanted = {
        "sqlite": [
            (table, f"{table}_no_{deed}") for table in APPEND_ONLY for deed in ("delete", "update")
        ],
        "postgresql": [(table, f"{table}_append_only") for table in APPEND_ONLY],
    }
    assert triggers == wanted["sqlite" if empty.is_sqlite else "postgresql"]


async def test_migrations_lead_back_to_nothing_and_there_again(empty: Store) -> None:
    await migrating.upgrade(empty)
    first = await read_schema(empty)

    await migrating.downgrade(empty, "base")
    nothing = await read_schema(empty), await migrating.revision_of(empty)
    await migrating.upgrade(empty)

    assert nothing == (set(), None)
    assert await read_schema(empty) == first
    await migrating.check(empty)


@pytest.mark.parametrize("database", ["postgresql"])
async def test_the_queues_tables_are_those_of_the_library_in_a_schema_of_their_own(
    empty: Store,
) -> None:
    brought = SchemaManager.get_schema()
    kept = (Path(migrations.__file__).parent / "procrastinate.sql").read_text("utf-8")

    await migrating.upgrade(empty)

    # A library that brings other tables needs the next migration.
    assert kept.endswith(brought)
    found = await read_schema(empty)
    assert {each for each in found if each[0] == "schema"} == {("schema", "procrastinate")}
    assert not any("procrastinate" in str(each) for each in found if each[0] != "schema")


async def test_alembic_sees_no_difference_to_the_code(empty: Store) -> None:
    await migrating.upgrade(empty)

    assert await differences(empty, METADATA) == []


async def test_a_column_without_a_migration_is_seen(empty: Store, in_code: Store) -> None:
    await migrating.upgrade(empty)
    spoiled = with_one_more_column()
    await in_code.run_sync(METADATA.drop_all)
    await in_code.run_sync(spoiled.create_all)

    found = await differences(empty, spoiled)
    unlike = without_triggers(await read_schema(empty)) ^ await read_schema(in_code)

    assert [(each[0], each[2], each[3].name) for each in found] == [
        ("add_column", "pillar", "weight")
    ]
    assert [each[1] for each in unlike] == ["pillar"]


@pytest.mark.parametrize(
    "spoil",
    [
        "DROP INDEX uq_publication_in_flight",
        "CREATE INDEX extra ON publication (status) WHERE holds_seat",
        "ALTER TABLE pillar ADD COLUMN weight INTEGER DEFAULT 3",
        "ALTER TABLE pillar RENAME COLUMN audience TO listeners",
        "CREATE TABLE extra (id INTEGER PRIMARY KEY)",
    ],
)
async def test_a_schema_that_is_otherwise_is_seen(empty: Store, spoil: str) -> None:
    await migrating.upgrade(empty)
    first = await read_schema(empty)

    await run(empty, spoil)

    assert await read_schema(empty) != first


async def test_a_database_at_another_revision_is_refused(empty: Store) -> None:
    with pytest.raises(migrating.SchemaOutdated) as before:
        await migrating.check(empty)

    await migrating.upgrade(empty)
    await migrating.downgrade(empty, "-1")
    with pytest.raises(migrating.SchemaOutdated) as after:
        await migrating.check(empty)

    expected = migrating.expected_revision()
    assert before.value.facts == {"found": "none", "expected": expected}
    assert after.value.facts["found"] != expected


async def test_a_migration_that_fails_leaves_nothing(empty: Store) -> None:
    await run(empty, "CREATE TABLE transition (id INTEGER)")
    before = await read_schema(empty)

    with pytest.raises(Exception, match="transition"):
        await migrating.upgrade(empty)

    assert (await read_schema(empty), await migrating.revision_of(empty)) == (before, None)


def test_revisions_are_one_line_and_named_by_date() -> None:
    scripts = ScriptDirectory.from_config(migrating.config_for())

    line = list(reversed(list(scripts.walk_revisions())))

    names = [Path(each.path).stem for each in line]
    assert len(scripts.get_heads()) == 1
    assert [each.down_revision for each in line] == [None, *(each.revision for each in line[:-1])]
    assert [re.sub(r"^\d{4}_\d{2}_\d{2}_", "", name) for name in names] == [
        each.revision for each in line
    ]
    assert [name[:10] for name in names] == sorted(name[:10] for name in names)
