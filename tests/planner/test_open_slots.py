"""Which slots publications take, and which are left open."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import combinations
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.slots import SlotTime, WeeklySlot, open_slots, slot_times

CHANNEL = UUID(int=1)
BERLIN = ZoneInfo("Europe/Berlin")
EVERY_DAY_AT_NINE = [
    WeeklySlot(UUID(int=weekday), CHANNEL, weekday, time(9), date(2026, 1, 1), None)
    for weekday in range(7)
]
DAY = date(2026, 1, 15)


def minute(number: int) -> datetime:
    return datetime(2026, 1, 15, tzinfo=UTC) + timedelta(minutes=number)


def slots_at(minutes: Sequence[int]) -> list[SlotTime]:
    return [
        SlotTime(UUID(int=number), CHANNEL, DAY, minute(each).replace(tzinfo=None), minute(each))
        for number, each in enumerate(sorted(minutes))
    ]


def is_right(slots: Sequence[int], due: Sequence[int], now: int, left: Sequence[int]) -> bool:
    """Judge what is left open by the formula and by every matching there is; minutes."""
    slots_ahead = [each for each in slots if each > now]
    due_ahead = [each for each in due if each > now]
    number = max(0, min(len(slots_ahead) - len(due_ahead), len(slots) - len(due)))
    if len(left) != number or not set(left) <= set(slots_ahead):
        return False
    matchings = [
        (
            sum(abs(slot - each) for slot, each in zip(taken, sorted(due), strict=True)),
            sorted(set(slots_ahead) - set(taken)),
        )
        for taken in combinations(sorted(slots), len(due))
        if len(set(slots_ahead) - set(taken)) == number
    ]
    return not matchings or (min(matchings)[0], sorted(left)) in matchings


minutes = st.integers(0, 60)


@given(
    slots=st.lists(minutes, max_size=7, unique=True), due=st.lists(minutes, max_size=7), now=minutes
)
def test_the_slots_nearest_to_the_publications_are_taken(
    slots: list[int], due: list[int], now: int
) -> None:
    publications = [(DAY, minute(each)) for each in due]

    found = open_slots(slots_at(slots), publications, minute(now))

    left = [(each.at - minute(0)) // timedelta(minutes=1) for each in found]
    assert is_right(slots, due, now, left)


def test_the_judge_of_matchings_catches_one_who_takes_the_nearest_free_slot() -> None:
    slots, due = [9, 12, 14], [11, 12]
    free = list(slots)

    for each in due:
        free.remove(min(free, key=lambda slot: abs(slot - each)))

    assert (free, is_right(slots, due, 0, free), is_right(slots, due, 0, [14])) == (
        [9],
        False,
        True,
    )


@pytest.mark.parametrize(
    ("slots", "due", "now", "left"),
    [
        ([], [], 0, []),
        ([], [10], 0, []),
        ([10, 20], [], 0, [10, 20]),
        ([10, 20], [], 10, [20]),
        ([10, 20], [], 20, []),
        ([10, 20, 30], [20], 0, [10, 30]),
        ([10, 20, 30], [22], 0, [10, 30]),
        # Midway, the earlier one is taken.
        ([10, 20, 30], [15], 0, [20, 30]),
        # A past publication uses a past slot, however near the next one is.
        ([10, 20, 30], [19], 19, [20, 30]),
        # More past publications than past slots use slots ahead.
        ([10, 20, 30], [8, 9], 19, [30]),
        # A past slot left empty does not pay for a publication ahead.
        ([10, 20, 30], [25], 19, [30]),
        ([10, 20, 30], [25, 26, 27], 19, []),
        ([10, 20], [5, 6, 7], 0, []),
    ],
)
def test_open_slots_by_example(slots: list[int], due: list[int], now: int, left: list[int]) -> None:
    publications = [(DAY, minute(each)) for each in due]

    found = open_slots(slots_at(slots), publications, minute(now))

    assert [each.at for each in found] == [minute(each) for each in left]


def test_publications_ten_minutes_beside_every_slot_leave_none_open() -> None:
    times = slot_times(EVERY_DAY_AT_NINE, BERLIN, date(2026, 1, 1), date(2026, 1, 27))
    beside = [(each.day, each.at + timedelta(minutes=10)) for each in times]

    found = open_slots(times, beside, datetime(2025, 12, 31, tzinfo=UTC))

    assert (len(times), found) == (26, [])


def test_a_publication_uses_a_slot_of_its_own_day_only() -> None:
    times = slot_times(EVERY_DAY_AT_NINE, BERLIN, date(2026, 1, 1), date(2026, 1, 4))
    late_on_the_second = [(date(2026, 1, 2), datetime(2026, 1, 2, 22, 30, tzinfo=UTC))]

    found = open_slots(times, late_on_the_second, datetime(2025, 12, 31, tzinfo=UTC))

    assert [each.day for each in found] == [date(2026, 1, 1), date(2026, 1, 3)]
