"""Weekly lists that replace each other: the past does not change."""

from collections.abc import Sequence
from datetime import date, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from planner.slots import WeeklySlot, slot_times
from store import channels, workspaces
from store.audit import CLI
from store.db import Store
from tests.conftest import Clock
from tests.world import World

FIRST = date(2026, 3, 2)  # a Monday
DAYS = 28
JAKARTA = ZoneInfo("Asia/Jakarta")
TIMES = [(0, "09:00"), (0, "18:00"), (3, "09:00"), (6, "23:30")]

Replacement = tuple[int, int, frozenset[tuple[int, str]]]
"""Days passed since the one before, days until it begins, and the list."""

replacements = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 9), st.frozensets(st.sampled_from(TIMES))),
    min_size=1,
    max_size=7,
)


def expected(made: Sequence[Replacement]) -> list[tuple[date, str]]:
    """Return every occurrence, day by day: the list that was set last for that day."""
    today, of_day = 0, [frozenset[tuple[int, str]]()] * DAYS
    for passed, ahead, wanted in made:
        today += passed
        of_day = [wanted if day >= today + ahead else of_day[day] for day in range(DAYS)]
    days = [FIRST + timedelta(days=number) for number in range(DAYS)]
    return sorted(
        (day, time)
        for day, wanted in zip(days, of_day, strict=True)
        for weekday, time in wanted
        if weekday == day.weekday()
    )


def occurrences(slots: Sequence[WeeklySlot]) -> list[tuple[date, str]]:
    times = slot_times(slots, JAKARTA, FIRST, FIRST + timedelta(days=DAYS))
    return [(each.day, f"{each.local:%H:%M}") for each in times]


async def replaced(world: World, made: Sequence[Replacement]) -> list[list[tuple[date, str]]]:
    """Set one list after the other; return all occurrences after each."""
    channel = await world.channel()
    today, seen = FIRST, []
    for passed, ahead, wanted in made:
        today += timedelta(days=passed)
        async with world.store.transaction() as db:
            workspace = await workspaces.lock(db, world.slug)
            row = await channels.of(db, workspace.id, channel.id)
            first = today + timedelta(days=ahead)
            await channels.set_slots(db, workspace, CLI, row, wanted, first, world.clock())
        async with world.store.reading() as db:
            until = FIRST + timedelta(days=DAYS)
            found = await channels.slots(db, workspace.id, FIRST, until, channel.id)
        seen.append(occurrences(found))
    return seen


EVERY, NONE = frozenset(TIMES), frozenset[tuple[int, str]]()


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(made=replacements)
@example(made=[(0, 0, EVERY), (0, 9, NONE), (0, 5, EVERY)])
@example(made=[(0, 9, EVERY), (0, 1, EVERY), (1, 0, NONE), (0, 0, EVERY)])
@pytest.mark.untraced
async def test_each_day_has_the_list_that_was_set_last_for_it(
    store: Store, clock: Clock, made: list[Replacement]
) -> None:
    world = await World.found(store, clock, f"biro-{uuid4().hex}")

    seen = await replaced(world, made)

    assert seen == [expected(made[: number + 1]) for number in range(len(made))]
