"""Compliance below HTTP: how many queries it takes, what it names, and until when it is right."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event

from planner.compliance import Grain, Scope
from store import channels, compliance, workspaces
from store.audit import CLI
from store.channels import NoSuchChannel
from store.db import Store
from tests.app.offices import fill
from tests.conftest import Clock
from tests.world import World

MONTH: dict[str, Any] = {"first": date(2026, 3, 1), "until": date(2026, 4, 1)}
YEAR: dict[str, Any] = {"first": date(2025, 6, 1), "until": date(2026, 6, 1)}


@pytest.fixture
async def world(store: Store, clock: Clock) -> World:
    return await World.found(store, clock)


async def read(world: World, **wanted: Any) -> Any:
    known: dict[str, Any] = {"grain": Grain.MONTH, "scope": Scope.CHANNEL, "now": world.clock()}
    async with world.store.reading() as db:
        workspace = await workspaces.by_slug(db, world.slug)
        return await compliance.entries(db, workspace, **(known | wanted))


async def queries_of(world: World, **wanted: Any) -> int:
    """Count the statements that an answer takes."""
    seen: list[str] = []

    def statement(_c: Any, _cursor: Any, sql: str, *_rest: Any) -> None:
        seen.append(sql)

    event.listen(Engine, "before_cursor_execute", statement)
    try:
        await read(world, **wanted)
    finally:
        event.remove(Engine, "before_cursor_execute", statement)
    return sum(sql.lstrip().startswith("SELECT") for sql in seen)


async def test_a_year_of_five_channels_takes_as_many_queries_as_a_week_of_none(
    world: World,
) -> None:
    few = await queries_of(world, grain=Grain.WEEK, scope=Scope.WORKSPACE, **MONTH)
    await fill(world.store, world.slug, world.clock(), seed=1, publications=50)

    many = [await queries_of(world, grain=grain, **YEAR) for grain in Grain]

    assert many == [few] * 3


async def test_what_is_over_asks_for_no_drafts(world: World) -> None:
    past: dict[str, Any] = {"first": date(2025, 6, 1), "until": date(2025, 8, 1)}

    assert await queries_of(world, **past) == await queries_of(world, **MONTH) - 1


async def slotted(world: World, handle: str, times: list[str], **more: Any) -> Any:
    """Return a channel with slots every day."""
    channel = await world.channel(handle, **more)
    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        row = await channels.of(db, workspace.id, channel.id)
        wanted = [(day, clock) for day in range(7) for clock in times]
        await channels.set_slots(db, workspace, CLI, row, wanted, date(2026, 3, 1), world.clock())
    return channel


async def test_instants_are_those_of_slots_and_midnights_ahead(world: World, clock: Clock) -> None:
    await slotted(world, "satu", ["09:00"])
    await world.channel("dua", timezone="America/New_York")
    day: dict[str, Any] = {"first": date(2026, 3, 2), "until": date(2026, 3, 3)}

    _, coming = await read(world, grain=Grain.WEEK, trend=False, **day)

    nine = datetime(2026, 3, 2, 2, tzinfo=UTC)
    midnights = {datetime(2026, 3, 2, hour, tzinfo=UTC) for hour in (5, 17)}
    assert set(coming) == {nine + timedelta(days=each) for each in range(7)} | midnights


async def test_entries_come_by_window_and_then_by_channel(world: World) -> None:
    ids = [(await world.channel(handle)).id for handle in ("satu", "dua")]

    found, _ = await read(world, grain=Grain.MONTH, first=date(2026, 2, 28), until=date(2026, 3, 2))

    months = (date(2026, 2, 1), date(2026, 3, 1))
    assert [(each.first, each.channel_id) for each in found] == [
        (month, each) for month in months for each in sorted(ids)
    ]
    assert [each.trend is None for each in found] == [True, True, False, False]


async def test_a_window_that_is_over_somewhere_is_open_elsewhere(
    world: World, clock: Clock
) -> None:
    for zone in ("Asia/Jakarta", "America/New_York"):
        await world.channel(zone[:7], timezone=zone)
    clock.now = datetime(2026, 4, 1, 1, tzinfo=UTC)  # in New York it is still March

    apart, _ = await read(world, **MONTH)
    together, _ = await read(world, scope=Scope.WORKSPACE, **MONTH)

    assert {each.channel_name: each.closed for each in apart} == {"Asia/Ja": True, "America": False}
    assert [each.closed for each in together] == [False]


async def test_a_workspace_without_channels_has_its_targets_and_no_posts(world: World) -> None:
    ((told,), _) = await read(world, scope=Scope.WORKSPACE, **MONTH)

    assert [(each.key, each.target_bp, each.count) for each in told.types] == [
        ("informative", 6000, 0),
        ("interactive", 2000, 0),
        ("edutainment", 2000, 0),
    ]
    assert (told.slots, told.expected, told.total) == (0, 0, 0)


async def test_a_channel_of_another_workspace_is_not_there(world: World, clock: Clock) -> None:
    other = await World.found(world.store, clock, "lain")
    channel = await other.channel()

    with pytest.raises(NoSuchChannel):
        await read(world, channel_id=channel.id, **MONTH)


async def test_present_months_are_read_again_only_when_they_may_differ(
    world: World, clock: Clock
) -> None:
    other = await World.found(world.store, clock, "lain")
    await slotted(world, "satu", ["09:00"])

    async def present(known: Any) -> Any:
        async with world.store.reading() as db:
            return await compliance.present(db, known, clock())

    first = await present({})
    same = await present(first)
    await other.post()
    written = await present(same)
    clock.forward(hours=1)  # a slot passes
    later = await present(written)

    def kept(before: Any, after: Any) -> list[bool]:
        return [after[key] is before[key] for key in after]  # biro, lain

    assert [each.slug for each in first.values()] == ["biro", "lain"]
    assert kept(first, same) == [True, True]
    assert kept(same, written) == [True, False]
    assert kept(written, later) == [False, True]
