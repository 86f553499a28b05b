"""What is read with every write and by dashboards comes from covering indexes, on SQLite."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from planner.compliance import Grain, Scope
from store import compliance, dispatch, holdings, standings
from store.db import Store
from tests.conftest import Clock
from tests.world import World


@pytest.fixture
async def statements(store: Store) -> AsyncIterator[list[tuple[str, Any]]]:
    """The statements that are read from publications and posts, with their values."""
    said: list[tuple[str, Any]] = []

    def hear(_: Any, __: Any, statement: str, values: Any, *___: Any) -> None:
        if "FROM publication" in statement or "FROM post" in statement:
            said.append((statement, values))

    engine = store._reader.sync_engine
    event.listen(engine, "before_cursor_execute", hear)
    yield said
    event.remove(engine, "before_cursor_execute", hear)


async def plans(store: Store, statements: list[tuple[str, Any]]) -> list[str]:
    found = []
    async with store.reading() as db:
        connection = await db.connection()
        for statement, values in list(statements):
            rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            steps = [str(row.detail) for row in rows]
            found += [step for step in steps if "publication" in step or "post" in step]
    return found


@pytest.mark.parametrize("database", ["sqlite"])
async def test_admission_reads_a_channels_month_from_its_index(
    store: Store, clock: Clock, statements: list[tuple[str, Any]], database: str
) -> None:
    world = await World.found(store, clock)
    channel = await world.channel()
    workspace = await world.workspace()
    async with store.reading() as db:
        ground = await standings.ground(db, workspace, channel, clock().date())
        statements.clear()
        await standings.month(db, ground, clock())

    (plan,) = await plans(store, statements)
    assert "USING COVERING INDEX ix_publication_standing" in plan


@pytest.mark.parametrize("database", ["sqlite"])
async def test_compliance_reads_seats_marks_and_what_waits_from_indexes(
    store: Store, clock: Clock, statements: list[tuple[str, Any]], database: str
) -> None:
    world = await World.found(store, clock)
    for handle in ("berita", "acara"):
        await world.channel(handle)
    workspace = await world.workspace()
    today = clock().date()
    async with store.reading() as db:
        await compliance.entries(
            db,
            workspace,
            grain=Grain.MONTH,
            scope=Scope.WORKSPACE,
            first=today - timedelta(days=365),
            until=today,
            now=clock(),
        )
        await holdings.ready(db, workspace)

    used = " ".join(await plans(store, statements))
    for index in ("ix_publication_mix", "ix_publication_marked", "ix_post_waiting"):
        assert index in used, used
    assert "SCAN" not in used


@pytest.mark.parametrize("database", ["sqlite"])
async def test_the_clock_asks_for_what_is_due_and_next_without_reading_the_future(
    store: Store, clock: Clock, statements: list[tuple[str, Any]], database: str
) -> None:
    async with store.reading() as db:
        await dispatch.due(db, clock(), 500)
        await dispatch.next_due(db, clock())

    found = await plans(store, statements)
    assert found
    assert [step for step in found if step.startswith("SCAN publication")] == []
